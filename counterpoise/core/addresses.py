"""Mask the secrets of addresses in messages."""

from __future__ import annotations

import re

SECRETS = "password|passwd|pwd|token|secret|signature|sig|key"
"""How the names of an address's parameters end that hold a secret."""


def masked(text: str) -> str:
    """Mask the user, the password and parameters with secrets of every address in a text.

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
    >>> masked("https://host/table.csv?X-Amz-Signature=secret&part=1")
    'https://host/table.csv?X-Amz-Signature=***&part=1'
    """
    # The second alternative reads on past a slash, which an unescaped password may hold. A number
    # alone behind the colon is a port, and the @ behind it belongs to the path.
    text = re.sub(r"(?<=://)(?:[^/\s]*|[^/\s@:]+:(?!\d+(?:[/\s]|$))\S*)@", "***@", text)
    return re.sub(rf"(?i)([?&][\w-]*(?:{SECRETS})=)[^&\s]+", r"\1***", text)
