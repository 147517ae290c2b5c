"""Pictures of one cell: drawn over what they have in common they look as if each had been drawn whole."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text
from PIL import Image

from stages.verdict import cell_figures, figures
from stages.verdict.cell_figures import Picture
from tests.test_new_figures import EIGHT, LONG, assert_legible, points, shares, thresholds

Cell = tuple[str, str]
SHORT, OTHER, NAMED_LONG = EIGHT[2], EIGHT[5], LONG[0]


def number_of(cell: Cell) -> int:
    return [*EIGHT, *LONG].index(cell) % 8


def matrices(cell: Cell) -> Picture:
    k = number_of(cell)
    counts = [(90_000 + k, 10, 3, 7 * k), (80_000, 10_010 + k, 0, 7), (5, 1, 0, 0)]
    return cell_figures.confusion_matrix(at_thresholds(*counts), title=title(cell))


def at_thresholds(*counts: tuple[float, float, float, float]) -> pd.DataFrame:
    """One cell's decisions: true and false negatives and positives at each policy."""
    frame = pd.DataFrame(counts, columns=["tn", "fp", "fn", "tp"])
    return frame.assign(policy=["half", "tuned", "cost"][: len(frame)], threshold=[0.5, 0.25, 0.125][: len(frame)])


def curve(cell: Cell) -> Picture:
    x = np.linspace(0, 1, 101)
    frame = pd.DataFrame({"curve": "precision_recall", "x": x, "y": 1 - x ** (1 + number_of(cell))})
    return cell_figures.curve(frame, "precision_recall", title=title(cell), prevalence=0.01)


def reliability(cell: Cell) -> Picture:
    frame = points([SHORT, *[cell] * number_of(cell), cell])
    frame = frame[(frame["strategy"] == cell[0]) & (frame["model"] == cell[1])]
    return cell_figures.reliability(frame.groupby("side").head(8), title=title(cell))


def distribution(cell: Cell) -> Picture:
    lines = thresholds([cell])
    return cell_figures.score_distribution(shares([cell]), title=title(cell), thresholds=lines)


def title(cell: Cell) -> str:
    return f"mammography: {' / '.join(cell)}"


PICTURES: dict[str, Callable[[Cell], Picture]] = {
    "matrices": matrices, "curve": curve, "reliability": reliability, "distribution": distribution,
}  # fmt: skip


def pixels(content: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB")).astype(int)


def drawn_whole(picture: Picture) -> np.ndarray:
    """The same picture, all of it drawn by matplotlib in one go."""
    figure = picture.ground.figure
    with figures._style(), picture.ground.with_cell(picture.title, picture.draw) as artists:
        artists[-1].set_animated(False)
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        artists[-1].set_animated(True)
        return np.asarray(canvas.buffer_rgba())[:, :, :3].astype(int)


@pytest.mark.parametrize("name", PICTURES)
@pytest.mark.parametrize("cell", [SHORT, OTHER, NAMED_LONG], ids=["short", "other", "long"])
def test_it_looks_as_if_drawn_whole(name: str, cell: Cell) -> None:
    picture = PICTURES[name](cell)
    ours, whole = pixels(picture.png()), drawn_whole(picture)
    assert ours.shape == whole.shape
    far = np.abs(ours - whole).max(axis=2) > 40
    assert far.mean() < 0.002, "but for where a line crosses the axes, which are below it here"
    bare = np.asarray(picture.ground.figure.canvas.buffer_rgba())[:, :, :3]
    assert (np.abs(ours - 255).max(axis=2) > 40).sum() > 2_000 and bare.size == ours.size


@pytest.mark.parametrize("name", PICTURES)
def test_its_bytes_do_not_depend_on_what_was_drawn_before(name: str) -> None:
    make = PICTURES[name]
    first = make(SHORT).png()
    assert make(OTHER).png() != first
    make(NAMED_LONG).png()
    assert make(SHORT).png() == first
    for kept in (
        cell_figures._of_curve,
        cell_figures._of_reliability,
        cell_figures._of_scores,
        cell_figures._of_matrices,
    ):
        kept.cache_clear()
    assert make(SHORT).png() == first


@pytest.mark.parametrize("name", PICTURES)
@pytest.mark.parametrize("cell", [SHORT, NAMED_LONG], ids=["short", "long"])
def test_texts_stay_in_the_picture_and_off_each_other(name: str, cell: Cell) -> None:
    picture = PICTURES[name](cell)
    with figures._style(), picture.ground.with_cell(picture.title, picture.draw):
        assert_legible(picture.ground.figure)


@pytest.mark.parametrize("name", PICTURES)
def test_cells_share_what_they_have_in_common(name: str) -> None:
    make = PICTURES[name]
    first, again = make(SHORT), make(SHORT)
    assert first.ground is again.ground
    if name in ("matrices", "curve"):
        assert make(OTHER).ground is first.ground
        assert make(NAMED_LONG).ground is not first.ground or name == "matrices", "its title takes two lines"


def texts(picture: Picture) -> list[str]:
    with figures._style(), picture.ground.with_cell(picture.title, picture.draw) as artists:
        return [artist.get_text() for artist in artists if isinstance(artist, Text)]


def test_a_confusion_matrix_shows_counts_and_shares_of_the_actual_class() -> None:
    told = texts(cell_figures.confusion_matrix(at_thresholds((9_000, 1_000, 25, 75)), title="x"))
    assert {"9,000", "1,000", "25", "75", "90.0 %", "10.0 %", "25.0 %", "75.0 %", "threshold half: 0.5", "x"} <= {*told}
    assert "no such row" in texts(cell_figures.confusion_matrix(at_thresholds((5, 1, 0, 0)), title="x"))


def test_a_confusion_matrix_has_a_part_for_each_policy_that_has_counts() -> None:
    nothing = (np.nan,) * 4
    told = texts(cell_figures.confusion_matrix(at_thresholds((111, 2, 3, 4), nothing, (113, 0, 4, 3)), title="x"))
    assert "111" in told and "113" in told and "threshold cost: 0.125" in told
    assert not [text for text in told if "tuned" in text or "nan" in text]


def test_a_dollar_is_a_dollar() -> None:
    picture = cell_figures.confusion_matrix(at_thresholds((1, 2, 3, 4)), title="<b> & $x^$")
    assert "<b> & $x^$" in texts(picture)
    assert picture.png()


def test_rows_a_point_and_missing_classes_are_told() -> None:
    picture = reliability(OTHER)
    (told,) = [text for text in texts(picture) if "rows a point" in text]
    assert told.startswith("raw: ") and "\ncorrected: " in told
    frame = shares([SHORT])
    frame.loc[frame["label"] == 1, "share"] = np.nan
    lines = thresholds([SHORT])
    assert "no positives" in texts(cell_figures.score_distribution(frame, title="x", thresholds=lines))


def test_no_result_is_said_in_words() -> None:
    nothing = cell_figures._nothing("x").png()
    empty = [
        cell_figures.confusion_matrix(at_thresholds((np.nan,) * 4), title="x"),
        cell_figures.curve(pd.DataFrame({"curve": [], "x": [], "y": []}), "roc", title="x", prevalence=0.1),
        cell_figures.reliability(points([SHORT]).assign(observed=np.nan), title="x"),
        cell_figures.score_distribution(
            shares([SHORT]).assign(share=np.nan), title="x", thresholds=thresholds([SHORT])
        ),
    ]
    assert [picture.png() for picture in empty] == [nothing] * 4
    (axes,) = empty[0].ground.figure.axes
    assert [text.get_text() for text in axes.texts] == [figures.NOTHING]
