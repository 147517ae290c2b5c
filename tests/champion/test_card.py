"""The model card shows names and labels as they are, whatever they hold."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given, settings
from markdown_it import MarkdownIt

from counterpoise.champion import card
from tests.helpers.texts import TEXTS


@settings(max_examples=300)
@given(TEXTS)
def test_a_text_in_the_card_is_read_back(text: str) -> None:
    (paragraph,) = (
        token
        for token in MarkdownIt().parse(f"The label is {card.code(text)}, and a decision.")
        if token.type == "inline"
    )
    before, span, after = paragraph.children or []
    assert (before.content, span.type, after.content) == (
        "The label is ",
        "code_inline",
        ", and a decision.",
    )
    shown = text.isprintable() and text.strip()
    assert (span.content if shown else ast.literal_eval(span.content)) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [("yes", "`yes`"), ("a`b", "``a`b``"), ("`", "`` ` ``"), ("", "`''`"), ("a\nb", r"`'a\nb'`")],
)
def test_a_code_span_is_as_short_as_it_can_be(text: str, expected: str) -> None:
    assert card.code(text) == expected
