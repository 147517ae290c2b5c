"""Small fixtures that several test files share."""

from __future__ import annotations

import importlib
import os
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import settings

from counterpoise.core import config, yaml12
from counterpoise.core.paths import REPOSITORY
from counterpoise.data import splitters
from counterpoise.data.tables import Table
from counterpoise.engine.run import DatasetFits, FitId
from tests.helpers import public_data

settings.register_profile("same-every-time", derandomize=True, deadline=None, max_examples=40)
settings.load_profile("same-every-time")


FIRST = ("test_team", "test_readme", "test_pipeline", "test_merge", "test_remotes", "test_browser")
"""Files that begin first: they take minutes each, so that no worker has one to itself at the
end."""

OF_FOLDERS = {"services": "services", "pipeline": "slow", "benchmarks": "slow"}
OF_FIXTURES = {"mirror": "public", "ssh": "services", "s3": "services", "project": "slow"}
"""The markers of tests in a folder of tests/, and of tests that use a fixture."""

MARKERS = ("exhaustive", "services", "public", "slow")

PACKAGES = "apt-get install chromium curl openssh-server postgresql python3-swift"
"""What the tests marked `services` need beyond Python."""


@pytest.hookimpl(tryfirst=True)  # before pytest looks at the markers
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        folder = item.path.relative_to(REPOSITORY / "tests").parts[0]
        names = [OF_FOLDERS.get(folder), *map(OF_FIXTURES.get, item.fixturenames)]
        for name in filter(None, names):
            item.add_marker(name)
    items.sort(
        key=lambda item: FIRST.index(item.path.stem) if item.path.stem in FIRST else len(FIRST)
    )


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """One process for one file, which is done before a second one has started."""
    return 0 if len(config.args) == 1 and ".py" in config.args[0] else None


LEFT_OUT: Counter[str] = Counter()
"""How many tests each marker left out."""


def pytest_deselected(items: Sequence[pytest.Item]) -> None:
    for item in items:
        names = {mark.name for mark in item.iter_markers()}
        LEFT_OUT[next((name for name in MARKERS if name in names), "")] += 1


def pytest_sessionfinish(session: pytest.Session) -> None:
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["left_out"] = dict(LEFT_OUT)


def pytest_testnodedown(node: Any) -> None:
    if not LEFT_OUT:  # every worker collects all tests
        LEFT_OUT.update(getattr(node, "workeroutput", {}).get("left_out", {}))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what was left out, and the command that brings it in."""
    if found := {name: LEFT_OUT[name] for name in MARKERS if LEFT_OUT[name]}:
        counts = ", ".join(f"{count} {name}" for name, count in found.items())
        terminalreporter.write_line(
            f"left out: {counts} (`pytest --markers` says what these are). All but the exhaustive"
            f" ones:\n  {PACKAGES} && pytest -m 'not exhaustive'"
        )


@pytest.fixture(scope="session")
def mirror() -> Path:
    """The folder with datasets' original bytes: a mirror, else what is downloaded once into
    data/downloads."""
    named = os.environ.get("COUNTERPOISE_MIRROR") or str(REPOSITORY.parent / "shared" / "datasets")
    for folder in map(Path, named.split(os.pathsep)):
        if (folder / "mammography.csv").is_file():
            return folder
    return public_data.downloaded()


@pytest.fixture
def no_mirror(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COUNTERPOISE_MIRROR", raising=False)


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that stages run in; they find data/ and params.yaml in the working
    directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


Stage = Callable[..., None]


@pytest.fixture
def stage(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """Run a stage script in this process: `stage("train", "mine")`."""

    def run(name: str, *arguments: str) -> None:
        monkeypatch.setattr(sys, "argv", [f"stages.{name}", *arguments])
        importlib.import_module(f"stages.{name}").main()

    return run


@pytest.fixture
def write_params(workplace: Path) -> Callable[[dict[str, Any]], None]:
    return lambda content: (workplace / "params.yaml").write_text(yaml12.dump(content)) and None


def fit_keys(
    content: dict[str, Any], table: Table, costs: np.ndarray | None = None
) -> dict[FitId, str]:
    """The key of every fit that a params.yaml asks for on a table; all strategies are taken to make
    the same rows."""
    params = config.parse(content)
    (name,) = params.datasets
    parts = splitters.split(table, params.split_of(name), params.seed, name, params.placebos)
    made = [
        {
            "repeat": fold.repeat,
            "fold": fold.fold,
            "digest": "rows",
            "negatives_after": 9,
            "positives_after": 9,
        }
        for fold in parts
    ]
    cost_margins = np.ones((len(table.y), 2)) if costs is None else costs
    fits = DatasetFits(
        params, name, table, parts, cost_margins, dict.fromkeys(params.strategies, made), Path()
    )
    return {job.id: job.key for job in fits.jobs}


def labels(rows: int, positives: int, random: np.random.Generator) -> np.ndarray:
    y = np.zeros(rows, np.int8)
    y[random.choice(rows, positives, replace=False)] = 1
    return y


def numeric_table(rows: int = 240, positives: int = 30, seed: int = 0) -> Table:
    """Three numbers of very different scales, the positives a little apart."""
    random = np.random.default_rng(seed)
    y = labels(rows, positives, random)
    X = random.normal(size=(rows, 3)) * [1, 100, 0.01] + y[:, None] * [1.5, 100, 0.01]
    return Table(("small", "large", "tiny"), X, y)


def mixed_table(rows: int = 240, positives: int = 30, seed: int = 0) -> Table:
    """Numbers beside categories and a boolean, 5 % of the values missing."""
    random = np.random.default_rng(seed)
    y = labels(rows, positives, random)
    numbers = random.normal(size=(rows, 2)) * [1, 100] + y[:, None] * [1.5, 100]
    region, plan = (
        random.integers(0, 3, rows),
        np.where(y == 1, random.integers(0, 2, rows), random.integers(0, 4, rows)),
    )
    X = np.column_stack(
        [numbers[:, 0], region, numbers[:, 1], plan, random.integers(0, 2, rows)]
    ).astype(float)
    X[random.random(X.shape) < 0.05] = np.nan
    categories = {
        "region": ("east", "north", "west"),
        "plan": ("a", "b", "c", "d"),
        "active": ("False", "True"),
    }
    return Table(("age", "region", "income", "plan", "active"), X, y, categories)


def categorical_table(rows: int = 240, positives: int = 30, seed: int = 0) -> Table:
    """Nothing but categories."""
    random = np.random.default_rng(seed)
    y = labels(rows, positives, random)
    plan = np.where(y == 1, random.integers(0, 2, rows), random.integers(0, 4, rows))
    X = np.column_stack([random.integers(0, 3, rows), plan, random.integers(0, 6, rows)]).astype(
        float
    )
    categories = {
        "region": ("east", "north", "west"),
        "plan": tuple("abcd"),
        "colour": tuple("opqrst"),
    }
    return Table(("region", "plan", "colour"), X, y, categories)


TABLES = {"numbers": numeric_table, "mixed": mixed_table, "categories": categorical_table}


@dataclass
class Publisher:
    """A web server on this machine that has `files` and answers 404 to all else."""

    address: str
    files: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    missing_bytes: int = 0
    """So many bytes short of what it announced does the server hang up."""

    def url(self, name: str) -> str:
        return f"{self.address}/{name}"


@pytest.fixture
def publisher(monkeypatch: pytest.MonkeyPatch) -> Iterator[Publisher]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name = self.path.lstrip("/")
            served.asked.append(name)
            content = served.files.get(name)
            self.send_response(404 if content is None else 200)
            for header, value in served.headers.items():
                self.send_header(header, value)
            self.send_header("Content-Length", str(len(content or b"")))
            self.end_headers()
            self.wfile.write((content or b"")[: len(content or b"") - served.missing_bytes])

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served = Publisher(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield served
    server.shutdown()
    thread.join()
    server.server_close()
