"""Mask the secrets of addresses in messages."""

from __future__ import annotations

import re


def masked(text: str) -> str:
    """Mask the user, the password and the parameter `password` of every address in a text.

    Parameters
    ----------
    text : str
        Any text; the password of an address need not be escaped.

    Returns
    -------
    str
        The text with `***` in place of each secret.

    Examples
    --------
    >>> masked("postgresql://me:a/b@host/runs?password=secret")
    'postgresql://***@host/runs?password=***'
    """
    # The second alternative reads on past a slash, which an unescaped password may hold. A number
    # alone behind the colon is a port, and the @ behind it belongs to the path.
    text = re.sub(r"(?<=://)(?:[^/\s]*|[^/\s@:]+:(?!\d+(?:[/\s]|$))\S*)@", "***@", text)
    return re.sub(r"(?<=[?&]password=)[^&\s]+", "***", text)
