"""Vega-Lite charts: one look for all, and their SVG, PNG and page element.

The text is in the colour of the page around it (`currentColor`), so that one chart serves light and
dark pages and paper. The colours of marks are Okabe and Ito's, which people who see no red or green
tell apart.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache
from importlib.metadata import version
from typing import Any

import vl_convert
from markupsafe import Markup

from counterpoise.core import files, paths

INK = "currentColor"
BLUE, ORANGE, GREEN, YELLOW, PINK, GREY = (
    "#2182c4",
    "#d55e00",
    "#009e73",
    "#d99a00",
    "#c46aa0",
    "#7d868f",
)
VERDICTS = {
    "better": BLUE,
    "worse": ORANGE,
    "equivalent": GREEN,
    "inconclusive": GREY,
    "too few positives": GREY,
}
SERIES = (GREY, BLUE, ORANGE, GREEN, PINK, YELLOW)
"""Colours of lines; the first is that of the baseline."""

Chart = Any
"""A chart of altair, whose classes have no type in common."""

WIDTH = 720
"""Width of a chart in pixels where nothing says how wide the page is."""

MARGIN = 12
"""White around a picture in pixels."""


def spec(chart: Chart) -> dict[str, Any]:
    """The specification of a chart in the look of our pages.

    Parameters
    ----------
    chart : altair chart

    Returns
    -------
    dict
        Vega-Lite.
    """
    font = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
    text = {"labelColor": INK, "titleColor": INK, "labelFontSize": 12}
    found: dict[str, Any] = (
        chart.configure(background="transparent", font=font)
        .configure_view(stroke=None)
        .configure_facet(spacing=30)
        .configure_axis(
            **text,
            titleFontSize=12,
            titleFontWeight="normal",
            gridOpacity=0.18,
            gridColor=INK,
            domainColor=INK,
            domainOpacity=0.4,
            tickColor=INK,
            tickOpacity=0.4,
        )
        .configure_axisX(labelFlush=False, labelSeparation=4)
        .configure_axisY(labelLimit=420)
        .configure_legend(**text, titleFontSize=12, symbolStrokeWidth=2.5, labelLimit=320)
        .configure_header(**text, titleFontSize=12)
        .configure_title(color=INK, fontSize=13, anchor="start")
        .to_dict(validate=False)  # the tests validate every chart; it takes half as long as drawing
    )
    return found


def svg(chart: Mapping[str, Any]) -> str:
    """Draw a chart as an `<svg>` element.

    Parameters
    ----------
    chart : mapping
        What `spec` returns.

    Returns
    -------
    str
        The same for the same chart.
    """
    return _svg(json.dumps(chart, sort_keys=True))


@lru_cache  # the picture of a page is a file as well
def _svg(chart: str) -> str:
    text = vl_convert.vegalite_to_svg(chart)
    # clip paths are numbered through the whole process; charts of one page may not share a number
    own = files.digest(chart)[:8]
    numbers: dict[str, str] = {}

    def renamed(found: re.Match[str]) -> str:
        return f"{found[1]}c{own}-{numbers.setdefault(found[2], str(len(numbers)))}"

    return re.sub(r'(id="|url\(#)clip(\d+)', renamed, text)


def png(chart: Mapping[str, Any]) -> bytes:
    """Draw a chart on white, for MLflow and documents.

    Parameters
    ----------
    chart : mapping
        What `spec` returns.

    Returns
    -------
    bytes
        The same for the same chart.
    """
    drawn = svg(chart)  # and not Vega-Lite once more, which takes longer than all the rest
    found = re.search(r'width="([\d.]+)" height="([\d.]+)"', drawn)
    assert found is not None
    width, height = (float(size) + 2 * MARGIN for size in found.groups())
    on_white = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}">'
        f'<rect width="100%" height="100%" fill="white"/>'
        f'<g transform="translate({MARGIN},{MARGIN})">{drawn}</g></svg>'
    )
    return vl_convert.svg_to_png(on_white, scale=1.25)


def figure(name: str, chart: Mapping[str, Any], caption: str, *, still: bool = True) -> Markup:
    """The element of a page that holds a chart: its SVG, and what makes it interactive.

    Parameters
    ----------
    name : str
        Its identifier in the page.
    chart : mapping
        What `spec` returns.
    caption : str
    still : bool
        Whether the SVG is part of the page. Thousands of marks are drawn by the script alone.

    Returns
    -------
    Markup
    """
    # safe: vl-convert escapes the texts of an SVG, and `embedded` those of the specification
    instead = "<noscript>This chart needs JavaScript.</noscript>"
    drawn = Markup(svg(chart) if still else instead)  # noqa: S704
    return Markup(
        '<figure><div class="chart" id="{}" role="img" aria-label="{}">{}</div>'
        '<script type="application/json" data-chart="{}">{}</script>'
        "<figcaption>{}</figcaption></figure>"
    ).format(name, caption, drawn, name, embedded(chart), caption)


def embedded(content: Any) -> Markup:
    """JSON for a `<script>` element.

    Parameters
    ----------
    content : object

    Returns
    -------
    Markup
        Without anything that could end the element.
    """
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    # safe: no markup is left in it
    return Markup(  # noqa: S704
        text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
    )


@lru_cache
def library() -> Markup:
    """Vega, Vega-Lite and Vega-Embed as one script, which defines `vegaEmbed`.

    Returns
    -------
    Markup
    """
    # making it takes over a second
    stored = paths.STORE / f"vega-{version('vl-convert-python')}.json"
    with suppress(OSError, ValueError):
        known, bundle = json.loads(stored.read_text())
        if known == files.digest(bundle):
            return _script(bundle)
    bundle = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    with suppress(OSError):  # without the file the next process makes it again
        files.write_text(stored, json.dumps([files.digest(bundle), bundle]))
    return _script(bundle)


def _script(bundle: str) -> Markup:
    """A script as the content of an element."""
    # safe: a script of the library, in which no text ends the element
    return Markup(bundle.replace("</script", "<\\/script"))  # noqa: S704
