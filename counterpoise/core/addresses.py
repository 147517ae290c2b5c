"""Addresses in messages, without the secrets in them."""

from __future__ import annotations

import re


def masked(text: str) -> str:
    """The text without the user and the password of any address in it, also of one whose password
    is not escaped."""
    text = re.sub(r"(?<=://)(?:[^/\s]*|[^/\s@:]+:(?!\d+(?:[/\s]|$))\S*)@", "***@", text)
    return re.sub(r"(?<=[?&]password=)[^&\s]+", "***", text)
