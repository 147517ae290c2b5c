"""Confusion matrix of one combination at one threshold, as a small image for MLflow.

A comparison has hundreds of them. Pillow draws them, since matplotlib takes ten times as long.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from PIL import Image, ImageDraw, ImageFont

SIZE = 512
"""Width and height in pixels. MLflow shows it at half this size, and at full size on a click."""

LEFT, TOP, BOX, GAP = 40, 84, 234, 4
"""Pixels: corner of the matrix, its boxes, and the space between two of them."""
WHITE, BLUE, INK = (255, 255, 255), (8, 81, 156), (27, 31, 36)
CLASSES = ("negative", "positive")
NAMES = ("true negatives", "false positives", "false negatives", "true positives")


def draw(counts: tuple[float, float, float, float], title: str) -> Image.Image:
    """Draw a confusion matrix; a darker box has a larger share of its actual class.

    Parameters
    ----------
    counts : tuple of float
        True negatives, false positives, false negatives, true positives.
    title : str
        Text above the matrix; a long title gets a smaller font.

    Returns
    -------
    Image
    """
    image = Image.new("RGB", (SIZE, SIZE), WHITE)
    canvas = ImageDraw.Draw(image)

    def text(
        x: float, y: float, words: str, size: int = 25, ink: tuple[int, int, int] = INK
    ) -> None:
        canvas.text((x, y), words, ink, _font(size), "mm")

    longest = canvas.textlength(title, _font(26))
    text(SIZE / 2, 20, title, min(26, int(26 * (SIZE - 8) / max(longest, 1))))
    for at, (name, count) in enumerate(zip(NAMES, counts, strict=True)):
        row, column = divmod(at, 2)
        total = sum(counts[2 * row : 2 * row + 2])
        share = count / total if total else 0.0
        left, top = LEFT + column * BOX, TOP + row * (BOX - 26)
        red, green, blue = (round(w + (b - w) * share) for w, b in zip(WHITE, BLUE, strict=True))
        box = (left, top, left + BOX - GAP, top + BOX - 26 - GAP)
        canvas.rectangle(box, (red, green, blue), BLUE)
        ink, centre = WHITE if share > 0.5 else INK, left + BOX / 2
        text(centre, top + 40, name, ink=ink)
        text(centre, top + 102, f"{count:,}", 50, ink)
        text(centre, top + 162, f"{share:.1%}" if total else "no such row", ink=ink)
    for at, word in enumerate(CLASSES):
        text(LEFT + (at + 0.5) * BOX, 62, f"predicted {word}", 24)
        side = Image.new("RGB", (BOX - 26, LEFT - 4), WHITE)
        words = ImageDraw.Draw(side)
        words.text(((BOX - 26) / 2, 18), f"actual {word}", INK, _font(24), "mm")
        image.paste(side.rotate(90, expand=True), (0, TOP + at * (BOX - 26)))
    return image


@lru_cache
def _font(size: int) -> Any:
    return ImageFont.load_default(size)  # shipped with Pillow: the same glyphs on every machine
