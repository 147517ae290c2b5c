"""Numbers and texts as pages show them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pandas as pd
from markupsafe import Markup, escape

from counterpoise.evaluation.summary import MINUS, interval, missing, number


def count(value: Any) -> str:
    """Format a count with separators between thousands, one decimal where it is a part of a row.

    Parameters
    ----------
    value : float or missing value
        A count, or the mean of counts over repeats.

    Returns
    -------
    str
        Empty for a missing value; from 1,000 on without the decimal.
    """
    if missing(value):
        return ""
    value = round(float(value), 1)
    return f"{value:,.0f}" if value == int(value) or value >= 1000 else f"{value:,.1f}"


def amount(value: Any) -> str:
    """Format a cost or a rate per 1,000 rows: one decimal up to 100, three below 1.

    Parameters
    ----------
    value : float or missing value

    Returns
    -------
    str
        Empty for a missing value.
    """
    if missing(value) or 0 < abs(float(value)) < 1:
        return number(value)
    return f"{float(value):,.{0 if abs(float(value)) >= 100 or not value else 1}f}".replace(
        "-", MINUS
    )


def percent(value: Any) -> str:
    """Format a measured share in percent.

    Parameters
    ----------
    value : float or missing value
        The share, 1 for all.

    Returns
    -------
    str
        One decimal, two below 1 %; empty for a missing value.
    """
    if missing(value):
        return ""
    value = 100 * float(value)
    return (
        f"{value:.1f} %"
        if value >= 1 or value == 0
        else f"{value:.2f} %"
        if value >= 0.005
        else "<0.01 %"
    )


def configured(value: Any) -> str:
    """Format a configured number, or a cost that depends on the row.

    Parameters
    ----------
    value : float, or mapping of column, times, plus
        A number, or a cost as a multiple of a column and a constant.

    Returns
    -------
    str
        At most six significant digits; a mapping as a formula.
    """
    if not isinstance(value, Mapping):
        return f"{value:g}"
    times = "" if value["times"] == 1 else f"{value['times']:g} \u00d7 "
    sign = "+" if value["plus"] > 0 else MINUS
    plus = f" {sign} {abs(value['plus']):g}" if value["plus"] else ""
    return f"{times}{value['column']}{plus}"


def chosen(value: float) -> str:
    """Format a configured share in percent.

    Parameters
    ----------
    value : float
        The share, 1 for all.

    Returns
    -------
    str
    """
    return f"{100 * value:g} %"


def label(key: str) -> str:
    """Turn a key into a label, with blanks for underscores.

    Parameters
    ----------
    key : str

    Returns
    -------
    str
    """
    return str(key).replace("_", " ")


def breakable(key: str) -> Markup:
    """Allow a browser to break a key after each underscore.

    Parameters
    ----------
    key : str

    Returns
    -------
    Markup
        The key, escaped, with `<wbr>` elements.
    """
    return Markup("_<wbr>").join(key.split("_"))  # Markup.join escapes the pieces


def coded(text: str) -> Markup:
    """Escape a text and set the parts in backquotes as code.

    Parameters
    ----------
    text : str

    Returns
    -------
    Markup
    """
    # safe, since the text is escaped first
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))  # noqa: S704


def fixed(value: Any, digits: int = 4) -> str:
    """Format a number of a column, in which all have the same decimals.

    Parameters
    ----------
    value : float or missing value
    digits : int

    Returns
    -------
    str
        Empty for a missing value.
    """
    return "" if missing(value) else f"{float(value):.{digits}f}".replace("-", MINUS)


def fixed_signed(value: Any) -> str:
    """Format a difference of a column, with its sign and three decimals.

    Parameters
    ----------
    value : float or missing value

    Returns
    -------
    str
        Empty for a missing value; 0 has no sign.
    """
    text = fixed(value, 3)
    return (
        f"+{text}" if text and round(float(value), 3) > 0 else text.replace("\u22120.000", "0.000")
    )


def signed_interval(low: Any, high: Any) -> str:
    """Format an interval of differences of a column.

    Parameters
    ----------
    low, high : float or missing value

    Returns
    -------
    str
        Empty where an end is missing.
    """
    return interval(low, high, fixed_signed)


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows of a table, for a template.

    Parameters
    ----------
    frame : DataFrame

    Returns
    -------
    list of dict
        None for missing values.
    """
    return [
        {str(name): None if missing(value) else value for name, value in row.items()}
        for row in frame.to_dict("records")
    ]
