"""A saved view of MLflow's run list: the current runs, best first, with the columns that matter.

MLflow keeps a saved view in a tag of the experiment: a name, times, and the state of its pages as
JSON, compressed. A link opens it (`link`), in the run list or in the chart view, where confusion
matrices stand side by side.
"""

from __future__ import annotations

import base64
import json
import zlib

from counterpoise.tracking.runs import COMBINATION

KEY = "counterpoise"
TAG = f"mlflow.sharedViewState.{KEY}"
NAME = "Current results, best first"

COLUMNS = {
    "tags.`remedy`": 230,
    "tags.`verdict`": 110,
    "metrics.`average_precision`": 150,
    "metrics.`difference`": 100,
    "metrics.`tuned/f1`": 100,
    "metrics.`cost/expected_cost`": 160,
    "duration": 90,
}
"""Columns of the run list, and their widths in pixels."""

CHARTS = ("average_precision", "difference", "log_loss", "roc_auc")
"""Metrics whose bar charts stand at the top of the chart view, below the confusion matrices."""

SECTIONS = ("confusion_matrix", "Model metrics", "tuned", "cost", "half", "cost_empirical")
"""Sections of the chart view that come first. MLflow adds all others behind them."""

OPEN_SECTIONS = ("confusion_matrix", "Model metrics")


def content(rules: list[str], saved_ms: int) -> str:
    """Make the value of the tag `TAG`.

    Parameters
    ----------
    rules : list of str
        The threshold rules that have confusion matrices.
    saved_ms : int
        When the view was saved, in milliseconds since 1970.

    Returns
    -------
    str
        JSON.
    """
    sections = [
        {
            "uuid": f"section-{name}",
            "name": name,
            "display": name in OPEN_SECTIONS,
            "isReordered": False,
            "deleted": False,
            "isGenerated": True,
            # one rule below the other, as wide as the page: matrices of runs in a row
            **({"columns": 1, "cardHeight": 700} if name == "confusion_matrix" else {}),
        }
        for name in SECTIONS
    ]
    shared = {"deleted": False, "isGenerated": True, "runsCountToCompare": 10}
    images = [
        {
            **shared,
            "uuid": f"matrix-{rule}",
            "type": "IMAGE",
            "metricSectionId": "section-confusion_matrix",
            "imageKeys": [f"confusion_matrix/{rule}"],
            "step": 0,
            "showRunParams": False,
        }
        for rule in rules
    ]
    bars = [
        {
            **shared,
            "uuid": f"bar-{name}",
            "type": "BAR",
            "metricSectionId": "section-Model metrics",
            "metricKey": name,
            "displayName": name,
        }
        for name in CHARTS
    ]
    state = {
        "searchFilter": f"tags.current = 'true' and tags.kind = '{COMBINATION}'",
        "orderByKey": "metrics.`average_precision`",
        "orderByAsc": False,
        "selectedColumns": list(COLUMNS),
        "columnOrder": list(COLUMNS),
        "columnWidths": COLUMNS,
        "runsHiddenMode": "FIRST_10_RUNS",
        "compareRunSections": sections,
        "compareRunCharts": images + bars,
        "isAccordionReordered": True,
    }
    compressed = base64.b64encode(zlib.compress(json.dumps(state).encode(), 9)).decode()
    view = {
        "name": NAME,
        "createdAt": saved_ms,
        "updatedAt": saved_ms,
        "state": f"deflate;{compressed}",
    }
    return json.dumps(view)


def link(address: str, experiment: str) -> str:
    """The link that opens the saved view.

    Parameters
    ----------
    address : str
        The address of MLflow's pages.
    experiment : str
        MLflow's id of the experiment.

    Returns
    -------
    str
    """
    pages = "workflowType=machine_learning"  # not MLflow's pages for generative AI
    return f"{address}/#/experiments/{experiment}/runs?{pages}&viewStateShareKey={KEY}"
