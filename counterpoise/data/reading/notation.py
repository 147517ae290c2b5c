"""Notations of numbers in text: decimal and thousands signs, currencies, units, signs.

The notation is that of a whole column and is decided by its distinct texts. So it depends neither
on how often a value repeats nor on how many are missing. Where the texts allow two readings, such
as 1,234 for a thousand or for about one, there is no notation, and the user has to say which.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from counterpoise.core.types import Floats

SPACES = " \u00a0\u2009\u202f"
"""Blanks that separate thousands: plain, no-break, thin and narrow no-break."""
SIGNS = {",": ",", ".": r"\.", " ": f"[{SPACES}]", "'": "['\u2019]"}
"""The regular expression of each decimal and thousands sign."""
SIGN_NAMES = {",": "comma", ".": "point", " ": "blank", "'": "apostrophe"}
DECIMALS = (".", ",")
THOUSANDS = ("", ",", ".", " ", "'")
_CURRENCIES = (
    "US$|R$|A$|C$|CA$|AU$|NZ$|HK$|S$|Rs.|Rs|kr|kr.|Kr|z\u0142|K\u010d|Ft|lei|USD|EUR|GBP|JPY|CNY|INR"
    "|CHF|CAD|AUD|NZD|BRL|MXN|CLP|COP|ARS|PEN|SEK|NOK|DKK|PLN|CZK|HUF|TRY|ZAR|RUB|KRW|SGD"
)
CURRENCIES = frozenset(_CURRENCIES.split("|"))
"""What stands for a currency, beside the signs that Unicode calls so."""
PLAIN = re.compile(r"[+-]?(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|(?i:inf|infinity))")
"""A number as CSV files and programming languages write it; an infinite one is refused later."""
LEADING_ZERO = re.compile(r"[+-]?0[0-9]+")
"""A number that would lose its leading zeros, which a code or an identifier needs."""
_PARTS = re.compile(
    r"(?P<open>\()?\s*(?P<sign>[-+\u2212\u2013])?\s*"
    r"(?P<prefix>[^\W\d_]{1,3}\.?[^\w\s()+\-.,'\u2019]?|[^\w\s()+\-.,'\u2019])?"
    r"\s*(?P<inner>[-+\u2212\u2013])?\s*"
    r"(?P<body>[0-9.,'\u2019\u00a0\u2009\u202f ]*[0-9][.,]?)"
    r"(?P<power>[eE][+\-\u2212]?[0-9]+)?"
    r"\s*(?P<suffix>[^0-9()\s.,'+\-][^0-9()]{0,15})?\s*(?P<close>\))?"
)


@dataclass(frozen=True)
class Notation:
    """How the numbers of a column are written.

    Attributes
    ----------
    decimal : {".", ","}
    thousands : str
        The sign between thousands: "", ",", ".", " " (any blank) or "'".
    prefix, suffix : str
        What stands before and after each number, such as "$" and "%". It is left out: 12.5% is
        read as 12.5.
    """

    decimal: str = "."
    thousands: str = ""
    prefix: str = ""
    suffix: str = ""

    def __str__(self) -> str:
        parts = []
        if self.prefix:
            parts.append(f"{self.prefix} before the number")
        if self.suffix:
            parts.append("percent" if self.suffix == "%" else f"unit {self.suffix}")
        if self.decimal == ",":
            parts.append("decimal comma")
        if self.thousands:
            parts.append(f"thousands {SIGN_NAMES[self.thousands]}")
        return ", ".join(parts)


@dataclass(frozen=True)
class Ambiguous:
    """The notation of a column can be read in two ways.

    Attributes
    ----------
    reason : str
        Why, with examples.
    """

    reason: str


def infer(texts: Sequence[str]) -> Notation | Ambiguous | None:
    """Find the notation in which every text is a number.

    Parameters
    ----------
    texts : sequence of str
        The distinct texts of a column without surrounding blanks and without codes of missing
        values; at least one.

    Returns
    -------
    Notation, Ambiguous or None
        None where some text is no number in any notation.
    """
    parts = [_split(text) for text in texts]
    if any(part is None for part in parts):
        return None
    found = _in_singular([part for part in parts if part is not None])
    affixes = {(part.prefix, part.suffix) for part in found}
    if len(affixes) > 1:
        if not _is_mixture(affixes, len(found)):
            return None
        shown = ", ".join(repr(t) for t in _one_each(texts, found))
        return Ambiguous(f"the numbers have different units or signs: {shown}")
    prefix, suffix = affixes.pop()
    bodies = pd.Series([part.body for part in found], dtype=object)
    powers = [part.power for part in found]
    readings = [
        Notation(decimal, thousands, prefix, suffix)
        for thousands in THOUSANDS
        for decimal in DECIMALS
        if decimal != thousands
        if bodies.str.fullmatch(_body(decimal, thousands)).all()
    ]
    if not readings:
        if all(_readable(body) for body in bodies):
            return Ambiguous(f"the numbers are in different notations: {_two_kinds(texts, bodies)}")
        return None
    values = [_numbers(bodies, powers, one) for one in readings]
    others = [
        one
        for one, numbers in zip(readings, values, strict=True)
        if not np.array_equal(numbers, values[0])
    ]
    plain = readings[0].decimal == "." and not readings[0].thousands
    if others and not plain:
        example = next(
            text
            for text, one, other in zip(
                texts, values[0], values[readings.index(others[0])], strict=True
            )
            if one != other
        )
        return Ambiguous(
            f"{example!r} is a number with a decimal {SIGN_NAMES[readings[0].decimal]} or one with"
            f" thousands separated by {_named(others[0].thousands)}"
        )
    return readings[0]


def affixes(texts: Sequence[str]) -> Notation:
    """The notation with the sign and the unit of the first text, for a user who says the rest.

    Parameters
    ----------
    texts : sequence of str
        At least one.

    Returns
    -------
    Notation
    """
    part = _split(texts[0])
    return Notation() if part is None else Notation(prefix=part.prefix, suffix=part.suffix)


def parse(texts: Iterable[str], notation: Notation) -> Floats:
    """Read texts as numbers in a notation.

    Parameters
    ----------
    texts : iterable of str
        Without surrounding blanks.
    notation : Notation

    Returns
    -------
    ndarray of shape (n,)
        NaN where a text is no number in this notation.
    """
    body = re.compile(_body(notation.decimal, notation.thousands))
    values = []
    for text in texts:
        if PLAIN.fullmatch(text) and notation == Notation():
            values.append(float(text))
            continue
        part = _split(text)
        right = (
            part is not None
            and part.prefix == notation.prefix
            and part.suffix in (notation.suffix, notation.suffix.removesuffix("s"))
            and body.fullmatch(part.body)
        )
        values.append(_number(part, notation) if right and part is not None else np.nan)
    return np.array(values, dtype=np.float64)


def _in_singular(parts: list[_Number]) -> list[_Number]:
    """The same parts with one word for a unit: 1 year and 2 years are both in years."""
    units = {part.suffix for part in parts}
    return [
        replace(part, suffix=part.suffix + "s")
        if part.suffix and part.suffix + "s" in units
        else part
        for part in parts
    ]


def _readable(body: str) -> bool:
    """Whether a body is a number in some notation."""
    return any(
        re.fullmatch(_body(decimal, thousands), body)
        for thousands in THOUSANDS
        for decimal in DECIMALS
        if decimal != thousands
    )


def _two_kinds(texts: Sequence[str], bodies: Iterable[str]) -> str:
    """An example with a decimal point, and one that has another notation."""
    points = [re.fullmatch(_body(".", ""), body) is not None for body in bodies]
    shown = [texts[points.index(kind)] for kind in (True, False) if kind in points]
    return " and ".join(map(repr, shown))


@dataclass(frozen=True)
class _Number:
    """The parts of one number: `body` holds its sign, digits and separators."""

    prefix: str
    body: str
    power: str
    suffix: str


def _split(text: str) -> _Number | None:
    match = _PARTS.fullmatch(text)
    if match is None:
        return None
    part = {name: value or "" for name, value in match.groupdict().items()}
    if bool(part["open"]) != bool(part["close"]) or (part["sign"] and part["inner"]):
        return None
    prefix = part["prefix"].strip()
    if prefix and not _is_currency(prefix):
        return None
    sign = part["sign"] or part["inner"]
    if part["open"] and sign:
        return None
    negative = bool(part["open"]) or sign in ("-", "\u2212", "\u2013")
    body = part["body"].strip(SPACES)
    suffix = re.sub(r"\s+", " ", part["suffix"].strip())
    if suffix.casefold() in ("am", "pm"):  # a time of the day
        return None
    return _Number(
        prefix, ("-" if negative else "") + body, part["power"].replace("\u2212", "-"), suffix
    )


def _is_currency(text: str) -> bool:
    return text in CURRENCIES or (len(text) == 1 and unicodedata.category(text) == "Sc")


def _is_mixture(affixes: set[tuple[str, str]], distinct: int) -> bool:
    """Whether texts with different signs and units are numbers, not labels such as 1st and 2nd."""
    signs = {prefix for prefix, _ in affixes if prefix} | {
        suffix for _, suffix in affixes if suffix and not suffix[0].isalpha()
    }
    return bool(signs) or distinct > 10 * len(affixes)


def _one_each(texts: Sequence[str], parts: Sequence[_Number]) -> list[str]:
    """The first text with each unit, at most four."""
    first: dict[tuple[str, str], str] = {}
    for text, part in zip(texts, parts, strict=True):
        first.setdefault((part.prefix, part.suffix), text)
    return list(first.values())[:4]


def _body(decimal: str, thousands: str) -> str:
    """The regular expression of sign, digits and separators."""
    point = SIGNS[decimal]
    whole = "[0-9]+"
    if thousands:
        between = SIGNS[thousands]
        whole = f"(?:[1-9][0-9]{{0,2}}(?:{between}[0-9]{{3}})+|[0-9]+"
        if thousands == ",":  # lakhs: 12,34,567
            whole += f"|[1-9][0-9]?(?:{between}[0-9]{{2}})+{between}[0-9]{{3}}"
        whole += ")"
    return f"-?(?:{whole}(?:{point}[0-9]*)?|{point}[0-9]+)"


def _numbers(bodies: pd.Series, powers: Sequence[str], notation: Notation) -> Floats:
    return np.array(
        [
            _number(_Number("", body, power, ""), notation)
            for body, power in zip(bodies, powers, strict=True)
        ]
    )


def _number(part: _Number, notation: Notation) -> float:
    body = part.body
    if notation.thousands:
        body = re.sub(SIGNS[notation.thousands], "", body)
    if notation.decimal == ",":
        body = body.replace(",", ".")
    return float(body + part.power)


def _named(sign: str) -> str:
    return f"a {SIGN_NAMES[sign]}" if sign else "nothing"
