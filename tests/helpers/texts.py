"""Texts that are something else in some dialect of YAML, or are hard to write and to show."""

from __future__ import annotations

from hypothesis import strategies as st

_KEYS = """
yes no on off y n null true false nan inf none 1e3 1e5 0o7 0x1f 0b1 010 012 07 08 1_000 2021
"""
_OTHERS = """
Yes No NO On OFF Y N Null NULL True FALSE ~ .inf -.inf .nan 1E3 +.5e1 .5 1. -1 +1 1:30 1:30:00
2021-01-01 2021-01-01T10:00:00Z = << - -- --- ... ? : # & * ! | > ' " % @ ` { } [ ] , {} [] {{x}}
${x} a: #a a` `` '1' "1" it's \\ \\n \\x41 &a *a !x <br> $1
"""
NAMES = _KEYS.split()
"""Those that are keys of params.yaml as well."""
WORDS = [
    *NAMES,
    *_OTHERS.split(),
    *["", " ", "  a", "a  ", "a: b", "a #b", "- a", "? a", "? |", "key: [x", "%YAML 1.1", "--- a"],
    *["a\tb", "\ta", "a\t", "a\nb", "a\r\nb", "\n", "\r", "\x1b[31m", "\x7f", "\x85", "a\x85b"],
    *[
        "\u00e9",
        "\u4e2d",
        "\U0001f600",
        "\u2028",
        "\u2029",
        "\u00a0a",
        "\ufeffa",
        "\u200b",
        "\ufffd",
    ],
    *["x" * 5000, "word " * 400, "a b\t" * 60],
]
TEXTS = st.one_of(
    st.sampled_from(WORDS),
    st.text("abyn019 :#-?,[]{}&*!|>'\"%@`~=<.\\/+_$;\t\x85\u2028\u00a0\u00e9\u4e2d\U0001f600"),
    st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=20),
)
