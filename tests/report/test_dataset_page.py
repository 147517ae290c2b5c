"""Pages, tables and numbers made of real results: two small datasets through every stage up to
evaluate."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from counterpoise.commands import same
from counterpoise.core import config, files, paths, yaml12
from counterpoise.core.errors import ConfigurationError
from counterpoise.core.paths import REPOSITORY
from counterpoise.data.checks.codes import CHECKS
from counterpoise.evaluation import measurements, summary
from counterpoise.evaluation.columns import CONFUSION, DECISIONS, EXTRA, LEADERBOARD, MEASURED
from counterpoise.report import dataset_page, index_page, plots, vega, wording
from stages import advise, audit, compare, evaluate, fetch, report, resample, split, train
from tests.conftest import numeric_table

PARAMS: dict[str, Any] = {
    "seed": 7,
    "datasets": {
        "zeta": {"path": "zeta.csv", "target": "target", "positive": 1},
        "digits": {
            "path": "digits.md",
            "source": {"bundled": "digits"},
            "target": "digit",
            "positive": 8,
        },
    },
    # 60 neighbours are more than zeta has positives, and fewer than digits has
    "strategies": {
        "none": {},
        "random_over": {},
        "smote_wide": {"sampler": "smote", "params": {"k_neighbors": 60}},
    },
    "models": {
        "logistic_regression": {"params": {"max_iter": 2000}},
        "random_forest": {"params": {"n_estimators": 10}},
    },
    "split": {"scheme": "stratified_kfold", "folds": 3, "repeats": 1, "validation": 0.2},
    "goal": "ranking",
    "worth": {},
    "thresholds": {"half": 0.5, "tuned": "f1"},
    "costs": {"false_positive": 1, "false_negative": 10, "true_positive": 0, "true_negative": 0},
}
CELLS = [(s, m) for s in PARAMS["strategies"] for m in PARAMS["models"]]


def run(module: Any, *arguments: str) -> int:
    """A stage script in this process, in the working directory."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["stage", *arguments])
        return module.main() or 0


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which both datasets have gone through every stage up to evaluate."""
    folder = tmp_path_factory.mktemp("evaluated")
    table = numeric_table(240, 30)
    frame = pd.DataFrame(table.X, columns=list(table.features)).assign(target=table.y)
    frame.to_csv(folder / "zeta.csv", index=False)
    (folder / "digits.md").write_text("scikit-learn's digits\n")
    (folder / "params.yaml").write_text(yaml12.dump(PARAMS))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for name in PARAMS["datasets"]:
            for module in (fetch, split, audit, resample, train, evaluate, advise):
                run(module, name)
    shutil.rmtree(folder / "data" / "store", ignore_errors=True)
    return folder


def make_reports() -> Path:
    for name in config.load().datasets:
        run(report, name)
    run(compare)
    return Path("reports")


@pytest.fixture(scope="module")
def reported(evaluated: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with its reports, and in `slower/` those of a second run that measured other seconds
    and bytes."""
    folder = tmp_path_factory.mktemp("reported") / "place"
    shutil.copytree(evaluated, folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        shutil.copytree(make_reports(), "first")
        shutil.copytree("data/measured", "measured")
        slow_down(Path("data/measured"))
        shutil.move(make_reports(), "slower")
        shutil.rmtree("data/measured")
        shutil.move("measured", "data/measured")
        shutil.move("first", "reports")
    return folder


def slow_down(folder: Path) -> None:
    """Write other seconds and bytes than before."""
    for path in folder.rglob("*.json"):
        content = files.read_json(path)
        for entry in content if isinstance(content, list) else content["fits"]:
            entry |= {k: v * 3 + 1 for k, v in entry.items() if k.endswith(("_seconds", "_bytes"))}
        files.write_json(path, content)


@pytest.fixture
def place(reported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of that folder to work in."""
    folder = tmp_path / "place"
    shutil.copytree(reported, folder)
    monkeypatch.chdir(folder)
    return folder


def without_measured(text: str) -> str:
    return re.sub(r'<script id="measured".*?</script>', "", text, flags=re.DOTALL)


class Document(HTMLParser):
    """The texts of a page's cells by table, and what it loads."""

    void = frozenset(("meta", "link", "input", "wbr", "br"))

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.loads: list[str] = []
        self.links: list[str] = []
        self.scripts: list[str] = []
        self.ids: list[str] = []
        self.rows: dict[str, list[list[str]]] = {}
        self.table = ""
        self.feed(text)
        assert not self.open, f"not closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if "id" in given:
            self.ids.append(str(given["id"]))
        self.loads += [
            str(given[name]) for name in ("src", "data", "poster", "action") if given.get(name)
        ]
        if given.get("href"):
            (self.links if tag == "a" else self.loads).append(str(given["href"]))
        if tag not in self.void:
            self.open.append(tag)
        if tag == "table":
            self.table = str(given.get("id"))
        if tag == "tr":
            self.rows.setdefault(self.table, []).append([])
        if tag in ("td", "th") and self.rows:
            self.rows[self.table][-1].append("")
        if tag == "script":
            self.scripts.append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in self.void:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "script":
            self.scripts[-1] += data
        if (
            {"td", "th"} & set(self.open)
            and self.rows.get(self.table)
            and self.rows[self.table][-1]
        ):
            self.rows[self.table][-1][-1] += data


def cells_of(document: Document, table: str) -> list[list[str]]:
    return [[" ".join(text.split()) for text in row] for row in document.rows[table][1:]]


def test_the_tables_have_the_columns_of_the_contract_and_every_cell(place: Path) -> None:
    board = files.read_csv(place / "reports" / "leaderboard.csv")
    assert list(board.columns) == [*LEADERBOARD, *EXTRA]
    assert list(board.columns)[:7] == [
        "dataset",
        "strategy",
        "model",
        "status",
        "reason",
        "rows",
        "prevalence",
    ]
    cells = list(zip(board["dataset"], board["strategy"], board["model"], strict=True))
    assert cells == [(d, *cell) for d in PARAMS["datasets"] for cell in CELLS], (
        "every cell, in the order of params.yaml"
    )
    assert board["rows"].tolist() == [240] * 6 + [1797] * 6
    refused = board[board["status"] == "not_applicable"]
    assert refused[["dataset", "strategy"]].drop_duplicates().to_numpy().tolist() == [
        ["zeta", "smote_wide"]
    ]
    assert refused["reason"].str.contains("n_neighbors").all()
    assert refused["average_precision"].isna().all()
    decisions = files.read_csv(place / "reports" / "decisions.csv")
    assert list(decisions.columns) == DECISIONS
    assert len(decisions) == 10 * 4, "ten cells with a result, four rules"
    assert (
        decisions[["tn", "fp", "fn", "tp"]].sum(axis=1) == np.repeat([240, 1797], [16, 24])
    ).all()
    sums = decisions[["tn_sum", "fp_sum", "fn_sum", "tp_sum"]]
    assert (sums.to_numpy() == decisions[["tn", "fp", "fn", "tp"]].to_numpy()).all(), "one repeat"


def test_measured_columns_are_sums_of_seconds_and_the_peak_of_memory(place: Path) -> None:
    row = (
        measurements.read("digits")
        .set_index(["strategy", "model"])
        .loc[("random_over", "random_forest")]
    )
    stored = files.read_json(place / "data/measured/digits/train.json")["fits"]
    stored = [
        entry
        for entry in stored
        if (entry["strategy"], entry["model"]) == ("random_over", "random_forest")
    ]
    resampled = files.read_json(place / "data/measured/digits/resample.json")
    resampled = [entry for entry in resampled if entry["strategy"] == "random_over"]
    assert len(stored) == 3
    assert row["fit_seconds"] == pytest.approx(sum(e["fit_seconds"] for e in stored), abs=1e-5)
    assert row["predict_seconds"] == pytest.approx(
        sum(e["predict_seconds"] for e in stored), abs=1e-5
    )
    assert row["resample_seconds"] == pytest.approx(
        sum(e["resample_seconds"] for e in resampled), abs=1e-5
    )
    assert row["peak_bytes"] == max(e["peak_bytes"] for e in stored)


def test_a_strategy_without_measurements_has_none(place: Path) -> None:
    path = Path("data/measured/zeta/train.json")
    content = files.read_json(path)
    content["fits"] = [entry for entry in content["fits"] if entry["strategy"] != "random_over"]
    files.write_json(path, content)
    board = files.read_csv(paths.evaluation("zeta") / "leaderboard.csv")
    board = measurements.beside(board, measurements.read("zeta"))
    gone = board[board["strategy"] == "random_over"]
    assert gone[MEASURED].isna().all(axis=None) and gone["average_precision"].notna().all()


def test_headline_numbers_are_one_file_a_dataset_sorted_rounded_and_without_nan(
    place: Path,
) -> None:

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    found = {path.stem: path for path in (place / "reports" / "metrics").iterdir()}
    assert set(found) == set(PARAMS["datasets"])
    numbers = {}
    for name, path in found.items():
        numbers[name] = json.loads(path.read_text(), parse_constant=refuse)
        assert path.read_text() == json.dumps(numbers[name], indent=2, sort_keys=True) + "\n"
        assert len(numbers[name]) == 8
        assert all(value == round(value, 6) for value in numbers[name].values())
    board = files.read_csv(place / "data/evaluations/digits/leaderboard.csv")
    assert numbers["digits"]["average_precision"] == board["average_precision"].max()
    assert numbers["zeta"]["failed"] == 0 and numbers["zeta"]["positives"] == 30


def test_the_page_shows_every_cell_and_the_reason_of_those_without_a_result(place: Path) -> None:
    document = Document((place / "reports" / "zeta.html").read_text())
    rows = cells_of(document, "cells")
    board = files.read_csv(place / "data/evaluations/zeta/leaderboard.csv")
    assert {(row[0], row[1]) for row in rows} == set(
        zip(board["remedy"], board["model"], strict=True)
    )
    known = board.set_index(["remedy", "model"])
    for row in rows:
        expected = known.loc[(row[0], row[1])]
        if expected["status"] == "ok":
            assert row[2].startswith(f"{expected['average_precision']:.3f}")
            assert row[8] == expected["level"]
        else:
            assert row[2].startswith("not applicable") and "n_neighbors" in row[-1]
    scores = [float(row[2].split()[0][:5]) for row in rows if row[2][0].isdigit()]
    assert scores == sorted(scores, reverse=True)
    assert len(cells_of(document, "numbers")) == 16, "four cells with a result at four thresholds"
    assert not re.search(r"\d\.\d{7,}", " ".join(text for row in rows for text in row)), (
        "no number with thirty digits"
    )


@pytest.mark.parametrize("name", ["zeta.html", "index.html"])
def test_a_page_is_one_file_that_loads_nothing_and_is_not_large(place: Path, name: str) -> None:
    text = (place / "reports" / name).read_text()
    document = Document(text)
    assert [load for load in document.loads if not load.startswith(("#", "data:"))] == []
    own = text.replace(str(vega.library()), "")
    assert not re.search(r"@import|url\((?!#)|fetch\(|XMLHttpRequest|import\(", own)
    assert set(re.findall(r"https?://[\w.]+", own)) <= {
        "http://www.w3.org",
        "https://vega.github.io",
    }, "names of XML spaces and of a schema, which nobody loads"
    assert len(text.encode()) < 3_000_000
    assert len(document.ids) == len(set(document.ids)), "an id stands once"
    inside = {link[1:] for link in document.links if link.startswith("#")}
    assert inside <= set(document.ids)
    beside = {link for link in document.links if not link.startswith("#")}
    beside -= {f"../{one.docs}" for one in CHECKS.values()} | {"../docs/verdict.md"}
    beside = {link.split("#")[0] for link in beside}
    assert beside == ({"zeta.html", "digits.html"} if name == "index.html" else {"index.html"})
    assert all((place / "reports" / link).is_file() for link in beside)


def test_texts_from_data_are_escaped(place: Path) -> None:
    hostile = "<script>alert('x')</script> & \"<img src=x>\""
    folder = place / "data/evaluations/zeta"
    facts = files.read_json(folder / "dataset.json")
    files.write_json(folder / "dataset.json", {**facts, "positive": hostile, "</dd>": hostile})
    for table in ("leaderboard", "counts", "decisions"):
        frame = files.read_csv(folder / f"{table}.csv")
        frame["reason"] = hostile
        if "notes" in frame:
            frame["notes"] = hostile
        files.write_csv(folder / f"{table}.csv", frame)
    make_reports()
    for name in ("zeta.html", "index.html"):
        text = (place / "reports" / name).read_text().replace(str(vega.library()), "")
        assert name == "index.html" or "&lt;script&gt;alert(" in text
        assert "<script>alert" not in text and "<img" not in text


def test_the_pictures_for_mlflow_lie_beside_the_page_as_files(reported: Path) -> None:
    found = {path.stem: path.read_bytes() for path in (reported / "data/pictures/zeta").iterdir()}
    assert set(found) == {*dataset_page.FILES} - {"forest_all"}
    assert all(content.startswith(b"\x89PNG") for content in found.values())


def test_measured_values_stand_in_one_element_of_a_page_and_nowhere_else(place: Path) -> None:
    for path in (place / "data/measured").rglob("*.json"):
        content = files.read_json(path)
        for entry in content if isinstance(content, list) else content["fits"]:
            for key in entry:
                if key.endswith("_seconds"):
                    entry[key] = 7777.125
                if key.endswith("_bytes"):
                    entry[key] = 7777125000
        files.write_json(path, content)
    make_reports()
    for name in ("zeta.html", "index.html"):
        text = (place / "reports" / name).read_text()
        assert "7777125000" in text and text.count('<script id="measured"') == 1
        assert not re.search(r"7777[.,]?125|23,?331", without_measured(text))
        (script,) = re.findall(r'<script id="measured".*?>(.*?)</script>', text)
        held = json.loads(script)
        key = (
            "zeta/random_over/random_forest"
            if name == "index.html"
            else "random_over/random_forest"
        )
        assert held[key] == {
            "fit_seconds": 23331.375,
            "predict_seconds": 23331.375,
            "resample_seconds": 23331.375,
            "peak_bytes": 7777125000.0,
        }
    for name in ("metrics/zeta.json", "decisions.csv", "leaderboard.csv"):
        assert "7777" not in (place / "reports" / name).read_text()


@pytest.fixture
def two_runs(place: Path) -> tuple[Path, Path]:
    """The reports of two runs that measured different values."""
    return place / "reports", place / "slower"


def test_the_seconds_of_a_repeat_are_those_of_all_combinations() -> None:
    measured = {"none/a": {"fit_seconds": 3.0}, "smote/a": {"fit_seconds": 5.0}, "none/b": {}}
    assert dataset_page.of_a_repeat(measured, 2) == {"a repeat": {"fit_seconds": 4.0}}
    assert dataset_page.of_a_repeat({"none/b": {}}, 2) == {}


def test_two_runs_are_the_same_apart_from_measured_values(
    two_runs: tuple[Path, Path], capsys: pytest.CaptureFixture
) -> None:
    first, second = two_runs
    for name in ("zeta.html", "index.html"):
        assert (first / name).read_bytes() != (second / name).read_bytes(), (
            "or this test shows nothing"
        )
    for name in ("leaderboard.csv", "decisions.csv", "metrics/zeta.json"):
        assert (first / name).read_bytes() == (second / name).read_bytes()
    assert run(same, str(first), str(second)) == 0
    assert capsys.readouterr().out.endswith("the same, measured values apart\n")


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        (
            "leaderboard.csv",
            r"(\nzeta,none,logistic_regression,ok,,240,)0\.125",
            r"\g<1>0.126",
            (
                "leaderboard.csv: row 1 (zeta, none, logistic_regression), prevalence: '0.125'"
                " against '0.126'"
            ),
        ),
        ("leaderboard.csv", r",notes\n", ",remarks\n", "leaderboard.csv: columns: dataset,"),
        (
            "decisions.csv",
            r",half,0\.5,",
            ",half,0.6,",
            "decisions.csv: row 1 (zeta, none, logistic_regression), threshold:",
        ),
        ("metrics/zeta.json", r'"positives": 30', '"positives": 31', "metrics/zeta.json: line "),
        ("zeta.html", r"240 rows", "241 rows", "zeta.html: line "),
        ("index.html", r"</main>", "</main><p>more</p>", "index.html: line "),
    ],
)
def test_a_changed_result_is_found(
    two_runs: tuple[Path, Path],
    capsys: pytest.CaptureFixture,
    name: str,
    old: str,
    new: str,
    message: str,
) -> None:
    first, second = two_runs
    text = (second / name).read_text()
    changed = re.sub(old, new, text, count=1)
    assert changed != text
    (second / name).write_text(changed)
    assert run(same, str(first), str(second)) == 1
    assert message in capsys.readouterr().out


def test_a_missing_row_or_file_is_found(
    two_runs: tuple[Path, Path], capsys: pytest.CaptureFixture
) -> None:
    first, second = two_runs
    lines = (second / "leaderboard.csv").read_text().splitlines(keepends=True)
    (second / "leaderboard.csv").write_text("".join(lines[:-1]))
    (second / "digits.html").unlink()
    (second / "extra.txt").write_text("more")
    assert run(same, str(first), str(second)) == 1
    output = capsys.readouterr().out
    assert "leaderboard.csv: 12 rows against 11" in output
    assert f"digits.html: only in {first}" in output and f"extra.txt: only in {second}" in output


def test_same_needs_two_folders(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert run(same, str(tmp_path), str(tmp_path / "absent")) == 2
    assert "there is no folder" in capsys.readouterr().err
    assert run(same, str(tmp_path), str(tmp_path)) == 2, "two empty folders were never compared"
    with pytest.raises(SystemExit) as stopped:
        run(same, str(tmp_path))
    assert stopped.value.code == 2


@pytest.mark.slow
def test_a_page_has_the_same_bytes_in_another_process(place: Path) -> None:
    here = [
        path.read_bytes()
        for path in (place / "reports/zeta.html", *sorted((place / "data/plots/zeta").iterdir()))
    ]
    shutil.rmtree("reports")
    environment = {
        **os.environ,
        "PYTHONHASHSEED": "12",
        "PYTHONPATH": str(REPOSITORY),
        "TZ": "Asia/Tokyo",
    }
    subprocess.run(
        [sys.executable, "-m", "stages.report", "zeta"],
        check=True,
        env=environment,
        capture_output=True,
    )
    there = [
        path.read_bytes()
        for path in (place / "reports/zeta.html", *sorted((place / "data/plots/zeta").iterdir()))
    ]
    assert here == there


def test_a_removed_dataset_and_its_page_disappear_and_nothing_else(place: Path) -> None:
    (place / "reports" / "mine.html").write_text("<p>somebody's own page</p>")
    params = yaml12.load((place / "params.yaml").read_text())
    del params["datasets"]["digits"]
    (place / "params.yaml").write_text(yaml12.dump(params))
    run(compare)
    assert [path.name for path in (place / "data/evaluations").iterdir()] == ["zeta"]
    assert [path.name for path in (place / "data/measured").iterdir()] == ["zeta"]
    assert {p.name for p in (place / "reports").glob("*.html")} == {
        "zeta.html",
        "index.html",
        "mine.html",
    }
    assert set(files.read_csv(place / "reports" / "leaderboard.csv")["dataset"]) == {"zeta"}
    assert [path.stem for path in (place / "reports" / "metrics").iterdir()] == ["zeta"]


@pytest.mark.slow
def test_a_removed_strategy_disappears_from_the_reports(place: Path) -> None:
    params = yaml12.load((place / "params.yaml").read_text())
    del params["strategies"]["random_over"]
    (place / "params.yaml").write_text(yaml12.dump(params))
    for name in PARAMS["datasets"]:
        run(evaluate, name)
    shutil.rmtree("reports")
    shutil.rmtree("data/plots")
    reports = make_reports()
    for path in [*filter(Path.is_file, reports.rglob("*")), *Path("data/plots").rglob("*.csv")]:
        assert "random_over" not in path.read_text(), path


def test_a_missing_evaluation_is_told(place: Path) -> None:
    (place / "data/evaluations/zeta/curves.csv").unlink()
    with pytest.raises(files.ResultError, match="missing"):
        run(report, "zeta")
    with pytest.raises(ConfigurationError, match="There is no dataset 'zetta'"):
        run(report, "zetta")


Parts = tuple[dict[str, pd.DataFrame], dict[str, Any]]
"""What `evaluate` wrote of a dataset: its tables by name, and its facts."""


def loaded(folder: Path, name: str) -> Parts:
    where = folder / "data/evaluations" / name
    return {t: files.read_csv(where / f"{t}.csv") for t in dataset_page.TABLES}, files.read_json(
        where / "dataset.json"
    )


def rendered(tables: dict[str, pd.DataFrame], facts: dict[str, Any]) -> str:
    return dataset_page.render("zeta", tables, facts, {})[0]


@pytest.mark.parametrize("name", PARAMS["datasets"])
def test_at_the_threshold_half_the_table_of_thresholds_holds_the_decisions(
    evaluated: Path, name: str
) -> None:
    tables, facts = loaded(evaluated, name)
    columns = ["strategy", "model", "tn", "fp", "fn", "tp", "expected_cost"]
    swept, decisions = tables["thresholds"], tables["decisions"]
    half = decisions[(decisions["rule"] == "half") & decisions["tn"].notna()]
    at_half = swept[swept["threshold"] == facts["thresholds"]["half"]]
    pd.testing.assert_frame_equal(
        at_half[columns].reset_index(drop=True),
        half[columns].reset_index(drop=True),
        check_dtype=False,
        check_exact=True,
    )
    assert len(half) == (4 if name == "zeta" else 6)


def test_a_page_holds_the_counts_of_all_thresholds(evaluated: Path) -> None:
    tables, facts = loaded(evaluated, "digits")
    (text,) = re.findall(
        r'<script id="results" type="application/json">(.*?)</script>', rendered(tables, facts)
    )
    held = json.loads(text)
    assert len(held["cells"]) == 6 and (held["negatives"], held["positives"]) == (1623, 174)
    swept = tables["thresholds"].set_index(["strategy", "model"])
    decided = tables["decisions"].set_index(["strategy", "model", "rule"])
    for cell in held["cells"]:
        key = tuple(cell["key"].split("/"))
        mine = swept.loc[key]
        assert held["thresholds"] == mine["threshold"].tolist()
        assert (cell["fp"], cell["fn"]) == (mine["fp"].tolist(), mine["fn"].tolist())
        assert cell["cost"] == pytest.approx(mine["expected_cost"].to_numpy(), abs=1e-6)
        assert set(cell["rules"]) == {"half", "tuned", "cost", "cost_empirical"}
        for rule, one in cell["rules"].items():
            row = decided.loc[(*key, rule)]
            assert one["counts"] == row[CONFUSION].tolist() and one["cost"] == row["expected_cost"]
        baseline = cell["baseline"]
        assert (baseline is None) == (key[0] == "none")
        assert baseline is None or held["cells"][baseline]["key"] == f"none/{key[1]}"
    first = held["cells"][held["first"]]["key"].split("/")
    assert first == [facts["answers"]["ranking"][name] for name in ("strategy", "model")]


def failed(board: pd.DataFrame) -> pd.DataFrame:
    """The same cells, each of them failed."""
    missing = dict.fromkeys(
        [c for c in board.columns if c not in (*LEADERBOARD[:7], "folds", "notes")], np.nan
    )
    return board.assign(**missing, status="failed", reason="ValueError: nothing works")


def test_a_dataset_whose_every_cell_failed_has_a_page_and_plots(evaluated: Path) -> None:
    tables, facts = loaded(evaluated, "zeta")
    board, facts = failed(tables["leaderboard"]), facts | {"answers": {}}
    none = {name: frame.iloc[:0] for name, frame in tables.items()} | {
        "leaderboard": board,
        "counts": tables["counts"],
    }
    text = rendered(none, facts)
    document = Document(text)
    assert (
        len(cells_of(document, "cells")) == 6 and "None of the 6 combinations has a result" in text
    )
    assert text.count("ValueError: nothing works") >= 6
    assert list(plots.precision_recall(board, none["curves"]).columns) == [
        "strategy",
        "model",
        "recall",
        "precision",
    ]
    assert list(plots.confusion(board, none["decisions"]).columns) == [
        "actual",
        "predicted",
        "count",
        "cell",
    ]
    numbers = summary.numbers(board, none["decisions"], facts)
    assert numbers["failed"] == 6 and "average_precision" not in numbers
    assert "6 failed" in index_page.render(
        {"zeta": board}, {"zeta": none["decisions"]}, {"zeta": facts}, {}
    )


def test_without_the_strategy_none_nothing_is_compared_with_it(evaluated: Path) -> None:
    tables, facts = loaded(evaluated, "zeta")
    tables = {
        n: frame[frame["strategy"] != "none"] if "strategy" in frame else frame
        for n, frame in tables.items()
    }
    tables["leaderboard"] = tables["leaderboard"].assign(
        difference=np.nan, difference_low=np.nan, difference_high=np.nan, verdict=None
    )
    text = rendered(tables, facts | {"answers": {}})
    assert (
        "It is not compared with the baseline: there is no strategy" in text
        and "remedies were compared with the baseline" not in text
    )


@pytest.mark.slow
def test_one_model_alone_and_sixty_strategies_have_a_page(evaluated: Path) -> None:
    tables, facts = loaded(evaluated, "zeta")
    Document(
        rendered(
            {n: f[f["model"] == "random_forest"] if "model" in f else f for n, f in tables.items()},
            facts | {"answers": {}},
        )
    )

    def many(frame: pd.DataFrame) -> pd.DataFrame:
        other = frame[frame["strategy"] == "random_over"]
        return pd.concat([frame, *(other.assign(strategy=f"random_over_{k}") for k in range(57))])

    text = rendered({name: many(frame) for name, frame in tables.items()}, facts)
    document = Document(text)
    assert len(cells_of(document, "cells")) == 60 * 2
    assert len(document.ids) == len(set(document.ids))


def test_the_page_shows_learning_curves_and_searches_where_there_are_any(evaluated: Path) -> None:
    tables, facts = loaded(evaluated, "zeta")
    without = rendered(tables, facts)
    assert 'id="learning' not in without and 'id="searches"' not in without
    cell = {"strategy": "none", "model": "random_forest"}
    tables["learning"] = pd.DataFrame(
        [
            {**cell, "series": s, "step": k, "mean": 1 / k, "low": 0.9 / k, "high": 1.1 / k}
            for s in ("loss", "validation_loss")
            for k in (1, 10, 20)
        ]
    )
    trials = [
        (0, "complete", 0.5, "{}"),
        (1, "complete", 0.7, '{"max_depth": 3}'),
        (2, "pruned", None, '{"max_depth": 9}'),
    ]
    tables["trials"] = pd.DataFrame(
        [
            {
                **cell,
                "repeat": 0,
                "fold": fold,
                "trial": k,
                "state": state,
                "value": value,
                "step": None,
                "params": params,
                "reason": None,
            }
            for fold in (0, 1)
            for k, state, value, params in trials
        ]
    )
    text = rendered(tables, facts)
    document = Document(text)
    assert {"learning-title", "learning", "searches"} <= set(document.ids)
    flat = " ".join(re.sub("<[^>]*>", "", text).split())
    assert "none random_forest 2 4 2 0 0.700 max_depth: 3" in flat


def test_costs_are_described_with_what_deciding_without_a_model_costs(evaluated: Path) -> None:
    _, facts = loaded(evaluated, "zeta")
    text = wording.costs(facts)
    assert "A false positive costs 1, a false negative costs 10" in text
    assert "1,000 rows cost 1,250 with no row positive and 875 with every row positive" in text
    by_row = facts | {
        "costs": facts["costs"] | {"false_negative": {"column": "amount", "times": 2, "plus": -1}}
    }
    assert "a false negative costs 2 \u00d7 amount \u2212 1" in wording.costs(by_row)
    assert "differs by row" in wording.costs(by_row)


def test_measurements_of_one_strategy_are_added_up() -> None:
    trained = [
        {"model": "a", "fit_seconds": 1.0, "predict_seconds": 0.5, "peak_bytes": 10},
        {"model": "a", "fit_seconds": 2.0, "predict_seconds": 0.25, "peak_bytes": 30},
        {"model": "b", "fit_seconds": 4.0, "predict_seconds": 0.125, "peak_bytes": 20},
    ]
    found = measurements.cells(
        "smote", [{"resample_seconds": 3.0}, {"resample_seconds": 4.0}], trained
    )
    assert [(row["model"], *(row[name] for name in MEASURED)) for row in found] == [
        ("a", 3.0, 7.0, 0.75, 30),
        ("b", 4.0, 7.0, 0.125, 20),
    ]


def test_the_plots_hold_the_curve_and_the_decisions_of_the_best_model_of_each_strategy(
    place: Path,
) -> None:
    tables, _ = loaded(place, "digits")
    board, decisions = tables["leaderboard"], tables["decisions"]
    curve = files.read_csv(place / "data/plots/digits/precision_recall.csv")
    assert list(curve.columns) == ["strategy", "model", "recall", "precision"]
    best = {
        s: rows.loc[rows["average_precision"].idxmax(), "model"]
        for s, rows in board.groupby("strategy")
    }
    assert dict(curve[["strategy", "model"]].drop_duplicates().to_numpy()) == best
    assert (curve.groupby("strategy")["recall"].agg(["min", "max", "count"]) == [0, 1, 101]).all(
        axis=None
    )
    confusion = files.read_csv(place / "data/plots/digits/confusion.csv")
    assert list(confusion.columns) == ["actual", "predicted", "count", "cell"]
    cells = {
        f"{strategy}/{model}, {rule}": (strategy, model, rule)
        for strategy, model in best.items()
        for rule in ("half", "tuned", "cost", "cost_empirical")
    }
    assert set(confusion["cell"]) == set(cells)
    counted = decisions.set_index(["strategy", "model", "rule"])
    for cell, key in cells.items():
        found, row = (
            confusion[confusion["cell"] == cell].set_index(["actual", "predicted"])["count"],
            counted.loc[key],
        )
        assert (
            found["positive", "negative"] == row["fn"]
            and found["negative", "positive"] == row["fp"]
        )
        assert (
            found["positive", "positive"] == row["tp"]
            and found["negative", "negative"] == row["tn"]
        )


@pytest.mark.parametrize(
    ("template", "x", "y"),
    [
        ("precision_recall", "recall", "precision"),
        ("reliability", "mean_probability", "observed"),
        ("confusion_counts", "actual", "predicted"),
    ],
)
def test_the_plot_templates_are_filled_by_dvc(place: Path, template: str, x: str, y: str) -> None:
    from dvc_render.vega import VegaRenderer

    name = "confusion" if template == "confusion_counts" else template
    rows = pd.read_csv(place / f"data/plots/digits/{name}.csv", dtype=str).to_dict("records")
    points = [{**row, "rev": rev} for rev in ("workspace", "HEAD") for row in rows]
    renderer = VegaRenderer(
        points, "plot", template=template, template_dir=str(REPOSITORY / ".dvc" / "plots"), x=x, y=y
    )
    filled = renderer.get_filled_template()
    text = json.dumps(filled)
    assert "DVC_METRIC" not in text and len(filled["data"]["values"]) == len(points)
    fields = set(
        re.findall(
            r'"field": "(\w+)"', json.dumps({k: v for k, v in filled.items() if k != "data"})
        )
    )
    assert {"rev", x, y} <= fields
    assert ("cell" if name == "confusion" else "strategy") in fields
    if name == "confusion":  # dvc's own template counts rows; here each row holds a count
        assert {"op": "sum", "field": "number", "as": "rows"} in filled["spec"]["transform"][1][
            "aggregate"
        ]


def test_a_prequential_split_is_told_in_words() -> None:
    split = {
        "scheme": "prequential",
        "train_days": 7,
        "delay_days": 7,
        "test_days": 7,
        "validation": 0.2,
    }
    assert wording.split(split, 4).startswith(
        "4 tests on 7 days that follow 7 of training and 7 of waiting; 20 %"
    )
