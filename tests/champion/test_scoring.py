"""Scoring new rows, from the command line and over HTTP: what is answered to right rows, and to
wrong ones."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pytest

from counterpoise.champion import scoring
from counterpoise.champion.bundle import Champion
from counterpoise.champion.rules import Rule
from counterpoise.champion.schema import ScoringNotes
from counterpoise.commands import promote, score
from counterpoise.core.errors import guarded
from counterpoise.core.paths import REPOSITORY
from counterpoise.data.tables import Table
from tests.conftest import mixed_table, numeric_table
from tests.helpers.champions import champion_of, outside, raw_rows, small, standing_in
from tests.models.test_registry import work_of

pytestmark = pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SADeprecationWarning")


def run(main: Callable[[], int], *arguments: object) -> tuple[int, str]:
    """A script in this process: exit status and output."""
    text = io.StringIO()
    before, sys.argv = sys.argv, ["script", *map(str, arguments)]
    try:
        with contextlib.redirect_stdout(text), contextlib.redirect_stderr(text):
            return guarded(main, bring_back=False)(), text.getvalue()
    finally:
        sys.argv = before


# ----------------------------------------------------------------- from the command line

ROWS = "age,region,income,plan,active"
"""The columns of the mixed table."""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A champion's folder: numbers, categories, a boolean, and a model that takes no missing
    values."""
    folder = tmp_path_factory.mktemp("model")
    small("logistic_regression", mixed_table()).save(folder)
    return folder


@pytest.fixture
def few_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches of 10 rows."""
    monkeypatch.setattr(scoring, "VALUES", 50)
    monkeypatch.setattr(scoring, "LEAST", 1)


def written(folder: Path, *lines: str, name: str = "new.csv") -> Path:
    path = folder / name
    path.write_text("\n".join([*lines, ""]))
    return path


def scored(model: Path, source: Path, *options: str) -> tuple[int, str, pd.DataFrame | None]:
    target = source.with_name("scored.csv")
    status, output = run(score.main, model, source, target, *options)
    return status, output, pd.read_csv(target, dtype={"id": str}) if target.is_file() else None


def test_a_csv_is_scored_as_its_rows_are(model: Path, tmp_path: Path, few_at_once: None) -> None:
    table = mixed_table()
    from counterpoise.data.tables import frame_of

    frame = frame_of(table.X, table.features, table.categories)
    frame["id"] = [f"{k:03}" for k in range(len(frame))]
    frame.sample(frac=1, axis=1, random_state=1).to_csv(tmp_path / "new.csv", index=False)
    frame.to_parquet(tmp_path / "new.parquet")
    status, output, found = scored(model, tmp_path / "new.csv", "--keep", "id", "income")
    assert status == 0, output
    assert found is not None
    assert list(found.columns) == ["id", "income", "probability", "decision"]
    assert found["id"].tolist() == frame["id"].tolist()
    np.testing.assert_array_equal(found["income"], frame["income"])
    champion = Champion.load(model)
    np.testing.assert_allclose(found["probability"], champion.raw(table.X), rtol=1e-13)
    np.testing.assert_array_equal(found["decision"], champion.raw(table.X) >= 0.5)
    assert "left out" not in output
    assert "240 rows scored" in output
    for name in ("from.parquet", "from.csv"):
        status, output = run(
            score.main, model, tmp_path / "new.parquet", tmp_path / name, "--keep", "id", "income"
        )
        assert status == 0, output
    again = pd.read_parquet(tmp_path / "from.parquet")
    assert [str(dtype) for dtype in again.dtypes[1:]] == ["float64", "float64", "int8"]
    pd.testing.assert_frame_equal(
        again.astype({"id": object, "decision": int}), found.astype({"id": object})
    )
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "from.csv", dtype={"id": str}), found)


def test_every_way_to_write_a_value_scores_the_same(model: Path, tmp_path: Path) -> None:
    """Missing markers, booleans in any case, spaces, another order, and an extra column, which is
    named once."""
    one = written(
        tmp_path, ROWS, "1.5,east,20,a,True", ",north,NA,b,False", "2,,3,,", name="one.csv"
    )
    other = written(
        tmp_path,
        "note,active,plan,income,region,age",
        "x, TRUE,a , 2e1,east,1.50",
        "y,false,b,null,north,NaN",
        "z,N/A,<NA>,3,#N/A,2.0",
        name="other.csv",
    )
    _, output, first = scored(model, one)
    assert output.count("left out") == 0
    _, output, second = scored(model, other)
    assert output.count("left out: note") == 1
    pd.testing.assert_frame_equal(first, second)


WRONG = {
    "a missing column": (
        [ROWS.replace(",income", ""), "1,east,a,True"],
        ["lack a column", "'income'"],
    ),
    "a column by another name": (
        [ROWS.replace("income", "incomes"), "1,east,2,a,True"],
        ["did you mean 'incomes'"],
    ),
    "a column twice": ([f"{ROWS},age", "1,east,2,a,True,1"], ["stands twice", "'age'"]),
    "a text in a column of numbers": (
        [ROWS, *["1,east,2,a,True"] * 34, "1,east,much,a,True"],
        ["column 'income', row 35", "'much'"],
    ),
    "a boolean in a column of numbers": (
        [ROWS, "True,east,2,a,True"],
        ["column 'age', row 1", "True"],
    ),
    "an infinite number": (
        [ROWS, *["1,east,2,a,True"] * 12, "inf,east,2,a,True"],
        ["A number is infinite", "column 'age', row 13"],
    ),
    "nothing": ([], ["The file is empty"]),
    "a header alone": ([ROWS], ["The table has no rows"]),
    "too few fields": (
        [ROWS, *["1,east,2,a,True"] * 25, "1,east,2"],
        ["line 27", "5 fields", "3 fields"],
    ),
    "too many fields": (
        [ROWS, *["1,east,2,a,True"] * 25, "1,east,2,a,True,7"],
        ["line 27", "5 fields", "6 fields"],
    ),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_row_is_an_error_and_nothing_is_written(
    wrong: str, model: Path, tmp_path: Path, few_at_once: None
) -> None:
    lines, words = WRONG[wrong]
    source = tmp_path / "new.csv"
    source.write_text("".join(f"{line}\n" for line in lines))
    (tmp_path / "scored.csv").write_text("what was there\n")
    status, output = run(score.main, model, source, tmp_path / "scored.csv")
    assert status == 1
    for word in words:
        assert word in output
    assert "Traceback" not in output
    assert (tmp_path / "scored.csv").read_text() == "what was there\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new.csv", "scored.csv"]


def test_an_unknown_category_is_missing_and_counted_in_a_warning(
    model: Path, tmp_path: Path, few_at_once: None
) -> None:
    rows = ["1,mars,2,a,True", "1,,2,a,True"] * 12
    status, output, found = scored(model, written(tmp_path, ROWS, *rows))
    assert status == 0
    assert "column 'region': 12 values such as 'mars'" in output
    assert found is not None
    assert len(set(found["probability"])) == 1


def test_invalid_files_and_columns_are_errors(model: Path, tmp_path: Path) -> None:
    source = written(tmp_path, ROWS, "1,east,2,a,True")
    for arguments, words in (
        ((model, tmp_path / "no.csv", tmp_path / "out.csv"), "There is no table"),
        ((model, source, tmp_path / "out.xlsx"), "Results are written as CSV or as Parquet"),
        ((model, source, source), "take the place of the rows"),
        ((model, source, tmp_path / "out.csv", "--keep", "regions"), "did you mean 'region'"),
        ((tmp_path, source, tmp_path / "out.csv"), "There is no champion in this folder"),
        (
            (model, written(tmp_path, "PAR1", name="broken.parquet"), tmp_path / "out.csv"),
            "cannot be read as parquet",
        ),
    ):
        status, output = run(score.main, *arguments)
        assert (status, words in output) == (1, True), output
    assert not (tmp_path / "out.csv").exists()


def test_where_costs_stand_in_a_column_each_row_has_its_own_threshold(tmp_path: Path) -> None:
    table = numeric_table()
    rule = Rule(
        "cost",
        "the cheaper",
        None,
        {
            "false_positive": 1.0,
            "false_negative": {"column": "loss"},
            "true_positive": 0.0,
            "true_negative": 0.0,
        },
    )
    champion = champion_of(
        work_of("logistic_regression", table), table, rule=rule, amounts=("loss",)
    )
    champion.save(tmp_path / "model")
    rows = pd.DataFrame(table.X[:40], columns=table.features).assign(
        loss=np.geomspace(0.1, 100, 40)
    )
    rows.to_csv(tmp_path / "new.csv", index=False)
    status, output, found = scored(tmp_path / "model", tmp_path / "new.csv")
    assert status == 0, output
    assert found is not None
    np.testing.assert_array_equal(
        found["decision"], found["probability"] * rows["loss"] >= 1 - found["probability"]
    )
    for value, words in ((None, "no amount to compute its costs from"), (-3, "negative cost")):
        rows.loc[20, "loss"] = value
        rows.to_csv(tmp_path / "new.csv", index=False)
        status, output = run(
            score.main, tmp_path / "model", tmp_path / "new.csv", tmp_path / "again.csv"
        )
        assert (status, words in output, "row 21" in output) == (1, True, True), output


MILLION = 1_000_000
MEASURE = """
import json, resource, sys, time
from pathlib import Path
from counterpoise.champion.bundle import Champion
from counterpoise.champion.scoring import score_file
champion, peaks = Champion.load(Path("model")), []
for name in ("few", "million"):
    start = time.perf_counter()
    result = score_file(champion, Path(f"{name}.csv"), Path(f"{name}.scored.csv"))
    unit = 1 if sys.platform == "darwin" else 1024
    peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit)
print(json.dumps([result.rows, peaks, time.perf_counter() - start]))
"""
MOST_GROWTH = 100 * 2**20
"""The table itself, as pandas holds it, takes 250 MiB more than one of 10,000 rows."""


@pytest.mark.slow
def test_a_million_rows_take_the_memory_of_a_few(tmp_path: Path) -> None:
    table = mixed_table()
    champion = small("logistic_regression", table)
    champion.save(tmp_path / "model")
    random = np.random.default_rng(0)
    X = np.column_stack(
        [
            random.normal(size=MILLION),
            random.integers(0, 3, MILLION),
            random.normal(size=MILLION) * 100,
            random.integers(0, 4, MILLION),
            random.integers(0, 2, MILLION),
        ]
    )
    columns = {
        name: (
            pa.array(X[:, k])
            if name not in table.categories
            else pa.DictionaryArray.from_arrays(
                X[:, k].astype(np.int8), list(table.categories[name])
            ).cast(pa.string())
        )
        for k, name in enumerate(table.features)
    }
    rows = pa.table(columns)
    pa.csv.write_csv(rows, tmp_path / "million.csv")
    pa.csv.write_csv(rows.slice(0, 10_000), tmp_path / "few.csv")
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(
        [sys.executable, "-c", MEASURE],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    count, (few, million), seconds = json.loads(done.stdout)
    assert count == MILLION
    assert million - few < MOST_GROWTH, (
        f"{(million - few) / 2**20:.0f} MiB more, in {seconds:.1f} s"
    )
    found = pd.read_csv(tmp_path / "million.scored.csv")
    np.testing.assert_allclose(found["probability"], champion.raw(X), rtol=1e-12)
    np.testing.assert_array_equal(found["decision"], found["probability"] >= 0.5)


# ----------------------------------------------------------------- from the registry, and over HTTP


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Results, and a champion of them in a store."""
    with standing_in(tmp_path_factory.mktemp("place"), strategies=["none"]) as folder:
        status, output = run(promote.main, "mine", "--strategy", "none", "--model", "stopping")
        assert status == 0, output
        yield folder


@pytest.fixture(scope="module")
def server(place: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """`mlflow models serve`, in an empty folder and with nothing of this repository on the path;
    its address."""
    folder = tmp_path_factory.mktemp("elsewhere")
    program = shutil.which("mlflow", path=str(Path(sys.executable).parent))
    assert program
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = outside(
        MLFLOW_TRACKING_URI=f"sqlite:///{place / 'mlflow.db'}",
        PATH=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    )
    command = [
        program,
        "models",
        "serve",
        "-m",
        "models:/counterpoise-mine@champion",
        "--env-manager",
        "local",
        "-p",
        port,
    ]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            list(map(str, command)),
            cwd=folder,
            env=environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(600):
            with contextlib.suppress(urllib.error.URLError):
                DIRECT.open(f"{address}/ping", timeout=10).close()
                break
            assert process.poll() is None, (folder / "log").read_text()
            time.sleep(0.1)
        else:
            pytest.fail((folder / "log").read_text())
        yield address
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=30)


DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def ask(address: str, body: Any) -> tuple[int, Any]:
    """One request: its status and the answer."""
    request = urllib.request.Request(
        f"{address}/invocations",
        data=body if isinstance(body, bytes) else json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
    )
    try:
        with DIRECT.open(request, timeout=60) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())["message"]


COLUMNS = ["age", "plan", "region", "paperless", "calls"]


def split(*rows: list[Any], columns: list[str] = COLUMNS) -> dict[str, Any]:
    return {"dataframe_split": {"columns": columns, "data": list(rows)}}


def probability(address: str, body: Any) -> float:
    status, answer = ask(address, body)
    assert status == 200, answer
    return float(answer["predictions"][0]["probability"])


def test_a_dataset_is_scored_by_its_champion(place: Path, tmp_path: Path) -> None:
    source = place / "mine.csv"
    status, output = run(score.main, "mine", source, tmp_path / "a.csv")
    assert status == 0, output
    assert "left out: customer, churned" in output
    (folder,) = place.glob("mlartifacts/mine/models/*/artifacts")
    for champion in ("models:/counterpoise-mine/1", folder, folder / "data" / "bundle"):
        status, output = run(score.main, champion, source, tmp_path / "b.csv")
        assert status == 0, output
        assert (tmp_path / "b.csv").read_bytes() == (tmp_path / "a.csv").read_bytes()
    status, output = run(score.main, "nobody", source, tmp_path / "c.csv")
    assert (status, "There is no model models:/counterpoise-nobody@champion" in output) == (1, True)


@pytest.mark.slow
def test_the_server_answers_as_the_command_line_does(
    server: str, place: Path, tmp_path: Path
) -> None:
    raw = raw_rows().drop(columns=["customer", "churned"])
    raw.to_csv(tmp_path / "rows.csv", index=False)
    assert run(score.main, "mine", tmp_path / "rows.csv", tmp_path / "scored.csv")[0] == 0
    expected = pd.read_csv(tmp_path / "scored.csv")
    rows = raw.astype(object).where(raw.notna(), None)
    for body in (
        {"dataframe_split": rows.to_dict("split")},
        {"dataframe_records": rows.to_dict("records")},
    ):
        status, answer = ask(server, body)
        assert status == 200, answer
        found = pd.DataFrame(answer["predictions"])
        np.testing.assert_array_equal(found["probability"], expected["probability"])
        np.testing.assert_array_equal(found["decision"], expected["decision"])


def test_what_the_server_answers_to_a_request_that_is_not_quite_right(server: str) -> None:
    good = [43.0, "pro", "4", "True", 2.0]
    usual = probability(server, split(good))
    # an extra column
    assert probability(server, split(["c1", *good], columns=["customer", *COLUMNS])) == usual
    assert probability(server, split(good[::-1], columns=COLUMNS[::-1])) == usual  # another order
    # numbers and booleans as JSON has them
    assert probability(server, split([43, "pro", 4, True, 2])) == usual
    missing = probability(server, split([None, None, "4", None, 2]))
    as_nan = json.dumps(split([float("nan"), None, "4", None, 2])).encode()
    assert b"NaN" in as_nan
    assert probability(server, as_nan) == missing  # NaN and null are missing values
    # and so is the dataset's sentinel
    assert probability(server, split([-1, None, "4", None, 2])) == missing
    # and an unknown category
    assert probability(server, split([None, "platinum", "4", None, 2])) == missing


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (split([43, "pro", "4", "True"], columns=COLUMNS[:4]), ["missing inputs ['calls']"]),
        (
            split([43, "pro", "4", "True", 2], ["old", "pro", "4", "True", 2]),
            ["column age", "'old'"],
        ),
        (
            json.dumps(split([43, "pro", "4", "True", float("inf")])).encode(),
            ["A number is infinite", "column 'calls', row 1"],
        ),
        ({"rows": []}, ["dataframe_split"]),
        (b"age=43", ["JSON"]),
    ],
    ids=["missing column", "wrong type", "infinite", "no rows", "no JSON"],
)
def test_what_the_server_answers_to_a_wrong_request(
    server: str, body: Any, words: list[str]
) -> None:
    status, message = ask(server, body)
    assert status == 400
    for word in words:
        assert word in message


def test_python_asks_it_too(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import warnings

    # MLflow puts the model's own code first, and leaves it there
    monkeypatch.setattr(sys, "path", list(sys.path))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import mlflow.pyfunc

        model = mlflow.pyfunc.load_model("models:/counterpoise-mine@champion")
        found = model.predict(raw_rows().astype({"calls": float, "paperless": str, "region": str}))
    (bundle,) = place.glob("mlartifacts/mine/models/*/artifacts/data/bundle")
    expected = Champion.load(bundle).score(raw_rows(), "here", ScoringNotes())
    np.testing.assert_array_equal(found["probability"], expected.probability)
    np.testing.assert_array_equal(found["decision"], expected.decision)


def test_a_table_of_labels_alone_is_scored() -> None:
    table = Table(
        ("flag",),
        np.array([[0.0], [1.0]] * 120),
        np.array([0, 1] * 120, np.int8),
        {"flag": ("False", "True")},
    )
    scored = small("logistic_regression", table).score(
        pd.DataFrame({"flag": [True, False, None]}), "here", ScoringNotes()
    )
    assert scored.decision.tolist()[:2] == [True, False]
