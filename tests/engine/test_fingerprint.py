"""What a key hashes of the code: every change of meaning, no prose, and for each kind of fit what
it runs and no more."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from counterpoise.core.paths import REPOSITORY
from counterpoise.engine import cell_keys, fingerprint
from counterpoise.models import registry as models
from counterpoise.samplers import registry as samplers

SOURCE = '''"""A module."""
from __future__ import annotations

import math

LIMIT: int = 3
"""Of steps."""


class Steps:
    """Steps that are counted."""

    size = 1

    def total(self, by=1, *more, scale=2.0, **named):
        """Count them."""
        # twice, since both feet count
        found = [x * scale for x in more if x > by]
        text = f"{by:>3} of {LIMIT}"
        if not found and by is not None:
            return math.inf
        return sum(found) + self.size, text
'''


def digest(text: str) -> str:
    return fingerprint.syntax(text.encode()).syntax


PROSE: dict[str, Callable[[str], str]] = {
    "another docstring": lambda text: text.replace(
        "Count them.", "Counts.\n\n        Returns a number.\n        "
    ),
    "no docstring": lambda text: text.replace('        """Count them."""\n', ""),
    "another docstring of the module": lambda text: text.replace("A module.", "Something."),
    "no text under a constant": lambda text: text.replace('"""Of steps."""\n', ""),
    "another comment": lambda text: text.replace("twice, since both feet count", "see below"),
    "a comment more": lambda text: text + "# the end\n",
    "empty lines": lambda text: text.replace("\n\n", "\n\n\n\n"),
    "other quotes": lambda text: text.replace('f"{by:>3} of {LIMIT}"', "f'{by:>3} of {LIMIT}'"),
    "a line in two": lambda text: text.replace("sum(found) + self", "sum(found) + (\n  self)"),
    "another indentation": lambda text: text.replace("    ", "  "),
    "Windows' ends of lines": lambda text: text.replace("\n", "\r\n"),
}

MEANING: dict[str, Callable[[str], str]] = {
    "another number": lambda text: text.replace("LIMIT: int = 3", "LIMIT: int = 4"),
    "another type of number": lambda text: text.replace("LIMIT: int = 3", "LIMIT: int = 3.0"),
    "true is not one": lambda text: text.replace("size = 1", "size = True"),
    "another operator": lambda text: text.replace("x > by", "x >= by"),
    "another sign": lambda text: text.replace("+ self.size", "- self.size"),
    "another name": lambda text: text.replace("for x in more", "for x in named"),
    "another default": lambda text: text.replace("scale=2.0", "scale=2.5"),
    "no default": lambda text: text.replace("by=1", "by"),
    "positional instead of by name": lambda text: text.replace(
        "by=1, *more, scale=2.0", "by=1, scale=2.0, *more"
    ),
    "another order": lambda text: text.replace(
        "sum(found) + self.size, text", "text, sum(found) + self.size"
    ),
    "another test": lambda text: text.replace("is not None", "is None"),
    "a statement less": lambda text: text.replace(
        "        return sum(found) + self.size, text\n", ""
    ),
    "nothing returned": lambda text: text.replace("return math.inf", "return"),
    "None returned": lambda text: text.replace("return math.inf", "return None"),
    "another format": lambda text: text.replace("{by:>3}", "{by:>4}"),
    "a text that is no docstring": lambda text: text.replace("math.inf", '"Count them."'),
    "a decorator": lambda text: text.replace("    def total", "    @staticmethod\n    def total"),
    "another base": lambda text: text.replace("class Steps:", "class Steps(list):"),
    "another import": lambda text: text.replace("import math", "import cmath as math"),
    "moved into the block": lambda text: text.replace(
        "        return sum", "            return sum"
    ),
    "a generator": lambda text: text.replace(
        "[x * scale for x in more if x > by]", "(x * scale for x in more if x > by)"
    ),
}


@pytest.mark.parametrize("change", PROSE)
def test_prose_and_layout_change_no_digest(change: str) -> None:
    changed = PROSE[change](SOURCE)
    assert changed != SOURCE
    assert digest(changed) == digest(SOURCE)


def test_every_change_of_meaning_is_another_digest() -> None:
    changed = {name: change(SOURCE) for name, change in MEANING.items()}
    assert SOURCE not in changed.values()
    found = {digest(text): name for name, text in {**changed, "as it was": SOURCE}.items()}
    assert len(found) == len(MEANING) + 1


def test_imports_are_found_wherever_they_stand() -> None:
    text = """
import counterpoise.core.files
from counterpoise.core import paths
from counterpoise.data import tables as t, folds
import numpy.random, counterpoise.data.splitters as c

def later():
    from counterpoise.engine.fit import fit
    import os
"""
    assert set(fingerprint.syntax(text.encode()).imports) == {
        "counterpoise.core.files",
        "counterpoise.core",
        "counterpoise.core.paths",
        "counterpoise.data",
        "counterpoise.data.tables",
        "counterpoise.data.folds",
        "counterpoise.data.splitters",
        "counterpoise.engine.fit",
        "counterpoise.engine.fit.fit",
    }


def test_a_module_that_is_left_out_takes_with_it_what_is_reached_through_it_alone() -> None:
    whole = set(fingerprint.closure("counterpoise.engine.fit"))
    nets = {Path(f"counterpoise/models/{name}.py") for name in ("anomaly", "nets")}
    assert nets <= whole
    without = set(
        fingerprint.closure(
            "counterpoise.engine.fit",
            stop=["counterpoise.models.anomaly", "counterpoise.models.nets"],
        )
    )
    assert nets <= whole - without
    assert Path("counterpoise/models/losses.py") in without, "which models.py imports, too"


def copied(folder: Path) -> None:
    """Copy the project's packages into a folder."""
    for package in fingerprint.PACKAGES:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(REPOSITORY / package, folder / package, ignore=ignored)


def test_a_damaged_list_of_known_sources_is_made_again(tmp_path: Path) -> None:
    copied(tmp_path)
    script = (
        "from counterpoise.engine import fingerprint;print(fingerprint.code_digest('stages.split'))"
    )

    def found() -> str:
        environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
        done = subprocess.run(
            [sys.executable, "-c", script],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout

    first, known = found(), tmp_path / "data" / "store" / "sources.json"
    assert json.loads(known.read_text())
    for damaged in (b"", b"\xff\x00", b"[]", b'{"a": 1}', known.read_bytes()[:-100]):
        known.write_bytes(damaged)
        assert found() == first


# Keys of all kinds, of a copy of the sources in which one file has a statement more

KEYS = """
import json, sys
import numpy as np
from counterpoise.core.config import Model, Strategy
from counterpoise.engine import cell_keys as keys
from counterpoise.models import registry as models
from counterpoise.samplers import registry as samplers

def of_fit(entry, strategy=None, distributed=False, **given):
    model = Model.model_validate({"model": entry, **given})
    mine = ("mine", model)
    return keys.of_fit("table", "fold", "rows", "", mine, 1, "cpu", strategy, distributed)

search = {"trials": 2, "space": {"ratio": [0.5, 1.0]}}
found = {"model " + name: of_fit(name) for name in models.MODELS}
found["search"] = of_fit("logistic_regression", search=search, strategies=["random_over"])
found["search of a cleaner's ratio"] = of_fit(
    "logistic_regression", ("smote_enn", Strategy()), search=search, strategies=["smote_enn"])
found["metacost"] = of_fit("logistic_regression", costs="metacost", strategies=["none"])
found["partitioned"] = of_fit("xgboost", distributed=True)
for name in ["none", *samplers.SAMPLERS]:
    found["strategy " + name] = keys.of_rows("table", np.arange(3), (name, Strategy()), 1)
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def changed_keys(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], set[str]]:
    """Which keys are other ones when a source file has a statement more."""
    folder = tmp_path_factory.mktemp("sources")
    copied(folder)
    shutil.copy(REPOSITORY / "requirements.lock", folder)

    def all_keys() -> dict[str, str]:
        environment = {**os.environ, "PYTHONPATH": str(folder)}
        done = subprocess.run(
            [sys.executable, "-c", KEYS],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return dict(json.loads(done.stdout))

    before = all_keys()
    assert len(set(before.values())) == len(before) > 40

    def changed(name: str, more: str = "EDITED = True") -> set[str]:
        path = folder / "counterpoise" / name
        text = path.read_text()
        path.write_text(f"{text}\n{more}\n")
        try:
            after = all_keys()
        finally:
            path.write_text(text)
        return {kind for kind in before if before[kind] != after[kind]}

    return changed


NETS = {
    f"model {name}"
    for name in (
        "mlp",
        "mlp_weighted",
        "mlp_focal",
        "autoencoder",
        "autoencoder_xgboost",
        "isolation_forest",
    )
}
CLEANERS = {
    f"strategy {name}"
    for name in (
        "tomek_links",
        "enn",
        "renn",
        "all_knn",
        "ncr",
        "cnn",
        "oss",
        "smote_tomek",
        "smote_enn",
    )
}
SEARCHES = {"search", "search of a cleaner's ratio"}


def test_a_change_in_the_nets_refits_nets_alone(changed_keys: Callable[[str], set[str]]) -> None:
    assert changed_keys("models/nets.py") == NETS


def test_a_change_in_the_cleaners_resamples_theirs_alone(
    changed_keys: Callable[[str], set[str]],
) -> None:
    assert changed_keys("samplers/fast_cleaning/cleaning.py") == CLEANERS | {
        "search of a cleaner's ratio"
    }


def test_a_change_in_the_search_refits_what_is_searched_alone(
    changed_keys: Callable[[str], set[str]],
) -> None:
    assert changed_keys("engine/search.py") == SEARCHES


def test_a_change_in_what_all_fits_run_refits_all_of_them(
    changed_keys: Callable[[str], set[str]],
) -> None:
    changed = changed_keys("models/adapters.py")
    assert {kind for kind in changed if not kind.startswith("strategy")} == changed
    assert {
        "model svm",
        "model xgboost",
        "model mlp",
        "metacost",
        "partitioned",
        *SEARCHES,
    } <= changed


def test_prose_in_what_all_fits_run_changes_no_key(changed_keys: Callable[..., set[str]]) -> None:
    assert changed_keys("engine/fit.py", '# a comment\n"""A text."""') == set()


# What fits really run, held against the closures that their keys hash

RUN = '''
import inspect, json, os, sys, warnings
import imblearn.combine, imblearn.ensemble, optuna, sklearn.svm, xgboost
from pathlib import Path
sys.path.insert(0, os.getcwd())
import numpy as np
from counterpoise.core.config import Model, Strategy
from counterpoise.core.errors import NotApplicable
from counterpoise.core.paths import REPOSITORY
from counterpoise.engine import fit
from counterpoise.models import registry as models
from counterpoise.samplers import registry as samplers
from counterpoise.core.outcome import attempted
from tests.conftest import mixed_table, numeric_table

SMALL = {"n_estimators": 3, "max_iter": 30, "epochs": 2, "layers": [4], "batch_size": 32}
ENTRIES = {name: {"model": name} for name in models.MODELS} | {
    "search": {
        "model": "logistic_regression",
        "search": {"trials": 2, "space": {"ratio": [0.5, 1.0], "C": {"low": 0.1, "high": 1.0}}},
    },
    "metacost": {"model": "logistic_regression", "costs": "metacost", "strategies": ["none"]},
}

def fit_of(name):
    """A fit of a kind, with its library imported, which takes long enough without a profile."""
    given, table = ENTRIES[name], mixed_table()
    known = models.MODELS[given["model"]].load()().get_params()
    params = {key: value for key, value in SMALL.items() if key in known}
    strategies = ["none"] if "search" not in given else "all"
    entry = Model.model_validate({"params": params, "strategies": strategies, **given})
    models.make(name, entry, 1)
    rows = np.arange(len(table.y))
    train, validation, test = rows[:160], rows[160:200], rows[200:]
    strategy = ("smote", Strategy()) if entry.search else ("none", Strategy())
    work = fit.FitJob(
        name, entry, 1, table.X, table.y, table.cardinalities, train, validation, test, train,
        table.X[:0], table.y[:0], strategy, np.ones((len(rows), 2)),
    )

    def do():
        status, reason, _ = attempted(lambda: fit.fit(work))
        assert status == "ok", (name, status, reason)

    return do

def resampling_of(name):
    given = [(table.X, table.y, table.cardinalities) for table in (numeric_table(), mixed_table())]

    def do():
        for X, y, cardinalities in given:
            try:
                samplers.resample(name, Strategy(), X, y, cardinalities, 1)
            except NotApplicable as error:
                assert name == "kmeans_smote", error

    return do

def followed(do):
    """The source files of ours in which a function ran, bodies of modules and classes apart."""
    files = set()

    def profile(frame, event, _):
        if event == "call" and frame.f_code.co_flags & inspect.CO_OPTIMIZED:
            files.add(frame.f_code.co_filename)

    warnings.simplefilter("ignore")
    sys.setprofile(profile)
    try:
        do()
    finally:
        sys.setprofile(None)
    package = REPOSITORY / "counterpoise"
    ours = [path for file in files if (path := Path(file)).is_relative_to(package)]
    return sorted(path.relative_to(REPOSITORY).as_posix() for path in ours)

for name in ENTRIES:
    print(json.dumps(["fitted", name, followed(fit_of(name))]), flush=True)
for name in samplers.SAMPLERS:
    print(json.dumps(["resampled", name, followed(resampling_of(name))]), flush=True)
'''


@pytest.mark.slow
def test_every_kind_runs_no_source_that_its_key_does_not_hash() -> None:
    done = subprocess.run(
        [sys.executable, "-c", RUN], cwd=REPOSITORY, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr
    found = {(do, name): ran for do, name, ran in map(json.loads, done.stdout.splitlines())}
    assert {name for do, name in found if do == "fitted"} == {*models.MODELS, "search", "metacost"}
    assert {name for do, name in found if do == "resampled"} == set(samplers.SAMPLERS)
    assert "counterpoise/models/nets.py" in found["fitted", "mlp"]
    assert "counterpoise/samplers/fast_cleaning/cleaning.py" in found["resampled", "enn"]
    more = {
        "search": (cell_keys.SEARCH, *samplers.SAMPLERS["smote"].modules),
        "metacost": (cell_keys.METACOST,),
    }
    wrong = {}
    for (do, name), ran in found.items():
        assert isinstance(ran, list), (name, ran)
        if do == "fitted":
            root, own = cell_keys.FIT, more.get(name) or models.MODELS[name].modules
        else:
            root, own = cell_keys.SAMPLE, samplers.SAMPLERS[name].modules
        hashed = {*fingerprint.closure(root, stop=cell_keys.OF_SOME), *fingerprint.closure(*own)}
        lacking = set(ran) - {path.as_posix() for path in hashed}
        if lacking:
            wrong[f"{do} {name}"] = sorted(lacking)
    assert wrong == {}
