"""Confusion matrix of one combination at one threshold, as a small image for MLflow.

A comparison has hundreds of them. Pillow draws them, since matplotlib takes ten times as long.
"""

from __future__ import annotations

import io
from functools import lru_cache
from typing import Any

from PIL import Image, ImageDraw, ImageFont

SIZE = (416, 330)
"""Width and height of the image in pixels."""

LEFT, TOP, WIDTH, HEIGHT = 58, 62, 175, 105
"""Pixels: corner of the matrix, and size of one of its boxes."""
WHITE, BLUE, INK = (255, 255, 255), (8, 81, 156), (27, 31, 36)
CLASSES = ("negative", "positive")
NAMES = ("true negatives", "false positives", "false negatives", "true positives")


def png(counts: tuple[int, int, int, int], title: str, subtitle: str) -> bytes:
    """Draw a confusion matrix; a darker box has a larger share of its actual class.

    Parameters
    ----------
    counts : tuple of int
        True negatives, false positives, false negatives, true positives.
    title, subtitle : str
        Text above the matrix; a long title gets a smaller font.

    Returns
    -------
    bytes
        PNG image.
    """
    image = Image.new("RGB", SIZE, WHITE)
    draw = ImageDraw.Draw(image)

    def text(
        x: float, y: float, words: str, size: int = 13, ink: tuple[int, int, int] = INK
    ) -> None:
        draw.text((x, y), words, ink, _font(size), "mm")

    longest = draw.textlength(title, _font(17))
    text(SIZE[0] / 2, 18, title, min(17, int(17 * (SIZE[0] - 16) / max(longest, 1))))
    text(SIZE[0] / 2, 43, subtitle)
    for at, (name, count) in enumerate(zip(NAMES, counts, strict=True)):
        row, column = divmod(at, 2)
        total = sum(counts[2 * row : 2 * row + 2])
        share = count / total if total else 0.0
        left, top = LEFT + column * WIDTH, TOP + row * HEIGHT
        red, green, blue = (round(w + (b - w) * share) for w, b in zip(WHITE, BLUE, strict=True))
        draw.rectangle((left, top, left + WIDTH - 4, top + HEIGHT - 4), (red, green, blue))
        ink = WHITE if share > 0.5 else INK
        text(left + WIDTH / 2 - 2, top + 20, name, ink=ink)
        text(left + WIDTH / 2 - 2, top + 50, f"{count:,}", 22, ink)
        text(left + WIDTH / 2 - 2, top + 80, f"{share:.1%}" if total else "no such row", ink=ink)
    for at, word in enumerate(CLASSES):
        text(LEFT + (at + 0.5) * WIDTH, SIZE[1] - 40, f"predicted {word}")
        text(LEFT / 2, TOP + at * HEIGHT + 42, "actual", 11)
        text(LEFT / 2, TOP + at * HEIGHT + 58, word, 11)
    content = io.BytesIO()
    image.save(content, "png", compress_level=3)
    return content.getvalue()


@lru_cache
def _font(size: int) -> Any:
    return ImageFont.load_default(size)  # shipped with Pillow: the same glyphs on every machine
