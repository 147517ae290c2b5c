"""The kinds of values in params.yaml, with one message for each kind of mistake."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    FiniteFloat,
    StringConstraints,
    model_validator,
)
from pydantic_core import PydanticCustomError

from counterpoise.core.errors import did_you_mean

Key = Annotated[str, StringConstraints(strict=True, pattern=r"^[a-z0-9_]+$")]
"""A key that DVC can join into a stage name: stage names read `train@mammography-smote`."""


def one_of(what: str, *kinds: type, word: str | None = None) -> BeforeValidator:
    """Give one message for a value of several possible types, where pydantic gives one for each.

    Parameters
    ----------
    what : str
        What the value must be, for the message.
    *kinds : type
        The allowed types. A bool is no int here, unless bool is among them.
    word : str, optional
        A text that is allowed as well.

    Returns
    -------
    BeforeValidator
    """

    def check(value: Any) -> Any:
        fits = isinstance(value, kinds) and (bool in kinds or not isinstance(value, bool))
        if not fits and (word is None or value != word):
            raise PydanticCustomError("kind", "must be {what}", {"what": what})
        return value

    return BeforeValidator(check)


Label = Annotated[
    bool | int | float | str,
    one_of("one label: a text, a number, true or false", bool, int, float, str),
]

Column = Annotated[
    str | int,
    one_of(
        "the name of a column (true, false, null, dates and decimals need quotes around them)",
        str,
        int,
    ),
]


def _no_bool(value: Any) -> Any:
    """Reject true and false, which pydantic takes for the numbers 1 and 0."""
    if isinstance(value, bool):
        raise PydanticCustomError("kind", "must be {what}", {"what": "a number"})
    return value


_NO_BOOL = BeforeValidator(_no_bool)

Whole = Annotated[int, _NO_BOOL]

Real = Annotated[FiniteFloat, _NO_BOOL]

Fraction = Annotated[Real, Field(gt=0, lt=1)]

ValidationFraction = Annotated[Real, Field(ge=0, lt=1)]
"""The share of the training rows that become validation rows; 0 for none."""


def _number(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise PydanticCustomError("kind", "must be {what}", {"what": "a number"})
    return value


Number = Annotated[int | float, BeforeValidator(_number)]


def _day(value: Any) -> Any:
    """Check a day, which is a text.

    YAML makes a date of a day without quotes, and DVC stops at a date.
    """
    try:
        return datetime.date.fromisoformat(value).isoformat()
    except (TypeError, ValueError):
        raise PydanticCustomError(
            "kind", "must be {what}", {"what": 'a day in quotes, such as "2018-08-15"'}
        ) from None


Day = Annotated[str, BeforeValidator(_day)]


class Strict(BaseModel):
    """A frozen mapping; the error for an unknown key lists the keys that are known."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    renamed_keys: ClassVar[Mapping[str, str]] = {}
    """Keys of earlier versions, each with its present name."""

    @model_validator(mode="before")
    @classmethod
    def _known_keys(cls, content: Any) -> Any:
        if content is None:  # a key without a value, such as `smote:`
            return {}
        if isinstance(content, dict):
            for key in content:
                if key not in cls.model_fields:
                    raise PydanticCustomError(
                        "unknown_key",
                        "unknown key {key}{hint}; the keys here are: {allowed}",
                        {
                            "key": repr(key),
                            "unknown": str(key),
                            "hint": did_you_mean(str(key), cls.model_fields),
                            "renaming": (
                                f"rename `{key}` to `{cls.renamed_keys[key]}`; "
                                if key in cls.renamed_keys
                                else ""
                            ),
                            "allowed": ", ".join(cls.model_fields),
                        },
                    )
        return content


Boolean = Annotated[bool, one_of("true or false", bool)]
