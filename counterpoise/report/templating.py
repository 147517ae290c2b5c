"""The templates of pages.

A page is one file without external resources, so it needs no network. Templates escape all text
from data (labels, reasons, notes).
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from counterpoise.core.config import NONE
from counterpoise.core.outcome import FAILED, NOT_APPLICABLE, OK
from counterpoise.evaluation.advice import p_value
from counterpoise.evaluation.summary import interval, number, signed
from counterpoise.report import formatting, vega

TEMPLATES = Path(__file__).parent / "templates"
MARK = '<meta name="generator" content="Counterpoise">'
"""Distinguishes our pages from a user's own files in reports/."""

STATUSES = {OK: "ok", NOT_APPLICABLE: "not applicable", FAILED: "failed"}


@lru_cache
def environment() -> jinja2.Environment:
    """Create the template environment.

    Returns
    -------
    jinja2.Environment
        Every value is escaped: the templates' names end in .j2, for which jinja's selection by name
        would not escape.
    """
    result = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    result.filters |= {
        "number": number,
        "signed": signed,
        "p_value": p_value,
        "embedded": vega.embedded,
        **{
            function.__name__: function
            for function in (
                formatting.amount,
                formatting.fixed,
                formatting.fixed_signed,
                formatting.count,
                formatting.percent,
                formatting.label,
                formatting.chosen,
                formatting.breakable,
                formatting.coded,
            )
        },
    }
    result.globals |= {
        "interval": interval,
        "signed_interval": formatting.signed_interval,
        "figure": vega.figure,
        "STATUSES": STATUSES,
        "NONE": NONE,
        "MARK": Markup(MARK),  # noqa: S704  # a constant of ours
    }
    return result


def render(template: str, **variables: Any) -> str:
    """Render a page.

    Parameters
    ----------
    template : str
        Name of the template.
    **variables : object

    Returns
    -------
    str
        HTML.
    """
    library = vega.library()
    return environment().get_template(template).render(**variables, vega=library)


def is_ours(path: Path) -> bool:
    """Whether a file is a page that this package wrote.

    Parameters
    ----------
    path : Path

    Returns
    -------
    bool
    """
    with path.open("rb") as file:
        return MARK.encode() in file.read(2000)
