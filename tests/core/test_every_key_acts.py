"""Every key of params.yaml changes a result: a key without effect would be a mistake in silence.

The keys are those of the models in `counterpoise.core.config`, so that a new key needs a case here.
Each case gives two results that differ in this key alone.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import sqlite3
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pandas as pd
import pytest
from pydantic import BaseModel

from counterpoise.commands import validation
from counterpoise.core import config
from counterpoise.core.config import Costs, File, Model, Params, Strategy, Thresholds, Worth
from counterpoise.core.config.datasets import Dataset
from counterpoise.core.errors import CounterpoiseError
from counterpoise.data import datasets, sources, splitters
from counterpoise.data.tables import COST, Table
from counterpoise.engine.fit import FitJob, fit
from counterpoise.engine.run import DatasetFits
from counterpoise.engine.search import search
from counterpoise.evaluation import advice, costs, decisions, differences, levels, recalibration
from counterpoise.evaluation.fold_scores import FoldScores
from counterpoise.models.combinations import cells
from counterpoise.samplers import registry as samplers
from tests.conftest import fit_keys, mixed_table, numeric_table
from tests.core.test_config import SMALLEST

Results = tuple[Any, Any]
CASES: dict[str, Callable[[], Results]] = {}
"""By class and key, such as `Strategy.ratio`."""


def keys_of(kind: Any, known: set[str] | None = None) -> set[str]:
    """The keys of a model and of those that its values are."""
    known = set() if known is None else known
    for argument in get_args(kind):
        keys_of(argument, known)
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        for name, field in kind.model_fields.items():
            if f"{kind.__name__}.{name}" not in known:
                known.add(f"{kind.__name__}.{name}")
                for one in (field.annotation, *field.metadata):
                    keys_of(one, known)
    return known


def case(*keys: str) -> Callable[[Callable[[], Results]], Callable[[], Results]]:
    """Enter a case under the keys that it is about."""

    def enter(function: Callable[[], Results]) -> Callable[[], Results]:
        CASES.update(dict.fromkeys(keys, function))
        return function

    return enter


def plain(result: Any) -> Any:
    """A result as text that shows each number of it."""
    if isinstance(result, np.ndarray):
        return result.tolist()
    if isinstance(result, dict):
        return {key: plain(value) for key, value in result.items()}
    return [plain(one) for one in result] if isinstance(result, tuple | list) else result


def test_every_key_has_a_case() -> None:
    assert set(CASES) == keys_of(Params)


# ------------------------------------------------------------------------------ reading a table

ROWS = [f"{k};{k},5;{k % 3};0{k % 4}/05/2020;{'no' if k % 5 else 'yes'}" for k in range(6, 66)]
TEXT = "\n".join(["a;b;c;at;y", *(row.replace("00/", "04/") for row in ROWS)]) + "\n"
MINE: dict[str, Any] = {"path": "mine.csv", "target": "y", "positive": "yes", "drop": ["at"]}


def read(entry: dict[str, Any], content: str = TEXT) -> Any:
    """The table of an entry, or the message with which it is refused."""
    path = Path(entry["path"])
    if not path.is_file():
        path.write_text(content)
    try:
        table = datasets.fetch("mine", Dataset(**entry), download=False).table
    except sources.NotHere as missing:
        return f"not here: {missing}"
    except CounterpoiseError as error:
        return str(error)
    return plain([table.features, table.X, table.y, table.categories, table.roles])


def reading(key: str, changes: dict[str, Any], content: str = TEXT, **before: Any) -> None:
    """A case of a key of `Dataset` or of `ColumnOptions`."""
    CASES[key] = lambda: (
        read({**MINE, **before}, content),
        read({**MINE, **before, **changes}, content),
    )


reading("Dataset.target", {"target": "c", "positive": 1})
reading("Dataset.positive", {"positive": "no"})
reading("Dataset.negative", {"negative": ["other"]})
reading("Dataset.drop", {"drop": ["at", "a"]})
reading("Dataset.categorical", {"categorical": ["a"]})
reading("Dataset.time", {"drop": [], "time": "at"}, columns={"at": {"format": "%d/%m/%Y"}}, drop=[])
reading("Dataset.group", {"group": "c"})
reading("Dataset.columns", {"columns": {"a": {"type": "category"}}})
reading("Dataset.sentinels", {"sentinels": {"a": [7]}})
reading("Dataset.separator", {"separator": ","})
reading("Dataset.encoding", {"encoding": "utf-16"})
NAMELESS = TEXT.partition("\n")[2].replace(",5", ".5")
reading("Dataset.names", {"columns": ["a", "b", "c", "at", "y"]}, NAMELESS)
reading("Dataset.header", {"header": False}, NAMELESS, target="column_5", drop=["column_4"])
reading("ColumnOptions.type", {"columns": {"c": {"type": "category"}}})
COMMA = TEXT.replace("66,5", "66,500").replace(",5;", ",500;")
reading("ColumnOptions.decimal", {"columns": {"b": {"decimal": ","}}}, COMMA)
reading("ColumnOptions.thousands", {"columns": {"b": {"thousands": ","}}}, COMMA)
EARLY = {"at": {"encode": ["month"]}}
reading(
    "ColumnOptions.format",
    {"columns": {"at": {"encode": ["month"], "format": "%d/%m/%Y"}}},
    drop=[],
    columns={"at": {"encode": ["month"], "format": "%m/%d/%Y"}},
)
reading(
    "ColumnOptions.encode",
    {"columns": {"at": {"encode": ["month", "day"], "format": "%m/%d/%Y"}}},
    drop=[],
    columns={"at": {"encode": ["month"], "format": "%m/%d/%Y"}},
)
reading("ColumnOptions.missing", {"columns": {"a": {"missing": ["7"]}}})


@case("Dataset.sheet")
def of_sheets() -> Results:
    with pd.ExcelWriter("mine.xlsx") as book:
        for name, first in (("one", 1), ("two", 2)):
            frame = pd.DataFrame({"a": range(first, 40 + first), "y": ["yes", "no"] * 20})
            frame.to_excel(book, sheet_name=name, index=False)
    entry = {**MINE, "path": "mine.xlsx", "drop": []}
    return read({**entry, "sheet": "one"}), read({**entry, "sheet": "two"})


@case("Dataset.database")
def of_databases() -> Results:
    for name, first in (("one", 1), ("two", 2)):
        connection = sqlite3.connect(f"{name}.db")
        frame = pd.DataFrame({"a": range(first, 40 + first), "y": ["yes", "no"] * 20})
        frame.to_sql("visits", connection, index=False)
        connection.close()
    entry = {**MINE, "path": "mine.sql", "drop": []}
    query = "SELECT * FROM visits"
    return (
        read({**entry, "database": "sqlite:///one.db"}, query),
        read({**entry, "database": "sqlite:///two.db"}, query),
    )


@case("Dataset.path")
def of_paths() -> Results:
    Path("other.csv").write_text(TEXT.replace("7;", "8;"))
    return read(MINE), read({**MINE, "path": "other.csv"})


def problems(params: dict[str, Any]) -> list[str]:
    return [str(error) for error, _ in validation.problems(config.parse(params), {})]


@case("Dataset.data_checks")
def of_data_checks() -> Results:
    leak = [f"{line};{int('yes' in line)}" for line in TEXT.splitlines()]
    Path("mine.csv").write_text("\n".join(["a;b;c;at;y;leak", *leak[1:]]))
    entry = {**MINE, "split": {"scheme": "stratified_kfold", "folds": 3}}
    one, other = ({**entry, "data_checks": way} for way in ("warn", "fail"))
    return (
        problems({**SMALLEST, "datasets": {"mine": one}}),
        problems({**SMALLEST, "datasets": {"mine": other}}),
    )


@case("Dataset.distributed")
def of_clusters() -> Results:
    found = []
    for distributed in (False, True):
        entry = {**SMALLEST["datasets"]["mine"], "distributed": distributed}
        params = config.parse({**SMALLEST, "datasets": {"mine": entry}})
        table = numeric_table()
        parts = splitters.split(table, params.split_of("mine"), 1, "mine")
        counts = [
            {
                "repeat": fold.repeat,
                "fold": fold.fold,
                "digest": "rows",
                "negatives_after": 9,
                "positives_after": 9,
            }
            for fold in parts
        ]
        fits = DatasetFits(
            params,
            "mine",
            table,
            parts,
            np.ones((len(table), 2)),
            {"none": counts},
            Path(),
            partitioned=params.dataset("mine").distributed,
        )
        found.append([job.key for job in fits.jobs])
    return found[0], found[1]


def with_mine(**entry: Any) -> Params:
    return config.parse({**SMALLEST, "datasets": {"mine": {**MINE, **entry}}})


@case("Dataset.split")
def of_splits() -> Results:
    before, after = with_mine(), with_mine(split={"scheme": "holdout"})
    return parts_of(before), parts_of(after)


@case("Dataset.thresholds")
def of_thresholds() -> Results:
    before, after = with_mine(), with_mine(thresholds={"half": 0.9})
    return decided(before.thresholds_of("mine")), decided(after.thresholds_of("mine"))


@case("Dataset.costs")
def of_costs() -> Results:
    before, after = with_mine(), with_mine(costs={"false_negative": 9})
    return decided(of=before.costs_of("mine")), decided(of=after.costs_of("mine"))


# ---------------------------------------------------------------------------- public datasets


def public(source: dict[str, Any], **entry: Any) -> Any:
    Path("card.md").write_text("a card")
    base = {"path": "card.md", "target": "y", "positive": "yes", "drop": ["at"]}
    return read({**base, **entry, "source": source})


def stored(name: str, content: bytes) -> dict[str, Any]:
    """A file of a source that lies in the mirror."""
    Path("mirror").mkdir(exist_ok=True)
    (Path("mirror") / name).write_bytes(content)
    sha256 = hashlib.sha256(content).hexdigest()
    return {"name": name, "urls": ["https://example.org/x"], "sha256": sha256}


@case("Dataset.source", "Source.bundled", "Source.files")
def of_sources() -> Results:
    file = stored("a.csv", TEXT.encode())
    return public({"files": [file]}), public(
        {"bundled": "digits"}, target="digit", positive=8, drop=[]
    )


@case("Source.format")
def of_formats() -> Results:
    buffer = io.BytesIO()
    pd.DataFrame({"a": range(40), "at": 0, "y": ["yes", "no"] * 20}).to_parquet(buffer)
    file = stored("a.bin", buffer.getvalue())
    return public({"files": [file]}), public({"files": [file], "format": "parquet"})


@case("Source.columns")
def of_names() -> Results:
    source = {"files": [stored("a.csv", NAMELESS.encode())]}
    return public(source), public({**source, "columns": ["a", "b", "c", "at", "y"]})


@case("Source.cut")
def of_cut_files() -> Results:
    source = {"files": [stored("a.csv", TEXT.encode()[:-9])]}
    return public(source), public({**source, "cut": True})


@case("Source.rows", "Rows.at_most")
def of_rows() -> Results:
    source = {"files": [stored("a.csv", TEXT.encode())]}
    return public(source), public({**source, "rows": {"column": "a", "at_most": 40}})


@case("Rows.equals")
def of_chosen_rows() -> Results:
    source = {"files": [stored("a.csv", TEXT.encode())]}
    one, other = ({**source, "rows": {"column": "c", "equals": number}} for number in (0, 1))
    return public(one), public(other)


@case("Rows.column")
def of_columns_of_rows() -> Results:
    source = {"files": [stored("a.csv", TEXT.encode())]}
    one, other = ({**source, "rows": {"column": name, "at_most": 30}} for name in ("a", "c"))
    return public(one), public(other)


@case("File.name")
def of_names_of_files() -> Results:
    file = stored("a.csv", TEXT.encode())
    return public({"files": [file]}), public({"files": [{**file, "name": "b.csv"}]})


@case("File.sha256")
def of_sums() -> Results:
    file = stored("a.csv", TEXT.encode())
    return public({"files": [file]}), public({"files": [{**file, "sha256": "0" * 64}]})


@case("File.urls")
def of_addresses() -> Results:
    """Addresses are tried where no folder has the file; nothing answers at these."""
    found = []
    for port in (9, 19):
        file = File(name="no.csv", urls=(f"http://127.0.0.1:{port}/no.csv",), sha256="0" * 64)
        with pytest.raises(CounterpoiseError) as caught:
            sources.locate(file, "mine")
        found.append(str(caught.value.found))
    return found[0], found[1]


@case("File.unpacked_sha256")
def of_unpacked_files() -> Results:
    packed = stored("a.csv.gz", gzip.compress(TEXT.encode()))
    file = {key: value for key, value in packed.items() if key != "sha256"}
    right = hashlib.sha256(TEXT.encode()).hexdigest()
    return (
        public({"files": [{**file, "unpacked_sha256": "0" * 64}]}),
        public({"files": [{**file, "unpacked_sha256": right}]}),
    )


@case("File.member")
def of_members() -> Results:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.csv", TEXT)
        archive.writestr("b.csv", TEXT.replace("7;", "8;"))
    file = stored("a.zip", buffer.getvalue())
    return (
        public({"files": [{**file, "member": "a.csv"}]}),
        public({"files": [{**file, "member": "b.csv"}]}),
    )


# ------------------------------------------------------------------------------------- splits

DAYS = np.arange(240) // 8
SPLIT_TABLE = numeric_table()
ROLES: dict[str, np.ndarray] = {"time": DAYS * 86_400 * 10**9, "group": np.arange(240) % 60}


def parts_of(params: Params | dict[str, Any], seed: int = 1) -> Any:
    """The part of every row, by a scheme or by the scheme of parameters."""
    if isinstance(params, Params):
        scheme: Any = params.split_of("mine")
    else:
        scheme = with_mine(split=params, time="c").split_of("mine")
    t = SPLIT_TABLE
    parts = splitters.split(Table(t.features, t.X, t.y, {}, ROLES), scheme, seed, "mine")
    return parts.codes.tolist(), parts.names, parts.beside


def split(key: str, before: dict[str, Any], after: dict[str, Any]) -> None:
    CASES[key] = lambda: (parts_of(before), parts_of({**before, **after}))


START = {"start": "1970-01-04", "folds": 1, "train_days": 6, "delay_days": 2, "test_days": 6}
SCHEMES: dict[str, dict[str, Any]] = {
    "StratifiedKFold": {"scheme": "stratified_kfold"},
    "Holdout": {"scheme": "holdout"},
    "Temporal": {"scheme": "temporal"},
    "Grouped": {"scheme": "grouped"},
    "Prequential": {"scheme": "prequential", **START},
}
OTHERS: dict[str, Any] = {
    "folds": 3,
    "repeats": 3,
    "validation": 0.4,
    "grouped": True,
    "test_size": 0.3,
    "stratify": False,
    "seed": 5,
    "start": "1970-01-08",
    "train_days": 7,
    "delay_days": 3,
    "test_days": 7,
}
for name, scheme in SCHEMES.items():
    kind = next(one for one in get_args(config.AnySplit) if one.__name__ == name)
    for key in kind.model_fields:
        if key in OTHERS:
            value = 2 if (name, key) == ("Prequential", "folds") else OTHERS[key]
            first = {"start": "1970-01-12"} if (name, key) == ("Prequential", "folds") else {}
            split(f"{name}.{key}", {**scheme, **first}, {key: value})
    CASES[f"{name}.scheme"] = lambda scheme=scheme: (  # type: ignore[misc]
        parts_of(scheme),
        parts_of({"scheme": "grouped" if scheme["scheme"] != "grouped" else "holdout"}),
    )


@case("Prequential.leave_known_out")
def of_known_groups() -> Results:
    t, before = SPLIT_TABLE, {**SCHEMES["Prequential"]}
    found = []
    for known in (False, True):
        dataset = with_mine(
            split={**before, "leave_known_out": known}, time="c", group="a", drop=["at"]
        )
        parts = splitters.split(
            Table(t.features, t.X, t.y, {}, ROLES), dataset.split_of("mine"), 1, "mine"
        )
        found.append(parts.codes.tolist())
    return found[0], found[1]


# ------------------------------------------------------------------------- strategies and models


def resampled(key: str, **entry: Any) -> Any:
    table = mixed_table()
    return plain(
        samplers.resample(
            key, Strategy(**entry), table.X, table.y, table.cardinalities, 1, np.arange(150)
        )
    )


@case("Strategy.sampler")
def of_samplers() -> Results:
    return resampled("mine", sampler="random_over"), resampled("mine", sampler="random_under")


@case("Strategy.ratio")
def of_ratios() -> Results:
    return resampled("smote"), resampled("smote", ratio=0.5)


@case("Strategy.scale")
def of_scaling() -> Results:
    return resampled("near_miss_1"), resampled("near_miss_1", scale=False)


@case("Strategy.params")
def of_params_of_samplers() -> Results:
    return resampled("smote"), resampled("smote", params={"k_neighbors": 2})


@case("Strategy.seed")
def of_placebos() -> Results:
    found = []
    for seed in (1, 2):
        strategies = {"none": {}, "placebo": {"sampler": "none", "seed": seed}}
        params = config.parse({**SMALLEST, "strategies": strategies})
        scheme = params.split_of("mine")
        parts = splitters.split(SPLIT_TABLE, scheme, 1, "mine", params.placebos)
        found.append(parts.of(seed).codes.tolist())
    return found[0], found[1]


FEW_TREES: dict[str, Any] = {"model": "xgboost", "params": {"n_estimators": 5, "max_depth": 2}}


def fitted(entry: dict[str, Any], **job: Any) -> Any:
    table = numeric_table()
    parts = np.arange(150), np.arange(150, 190), np.arange(190, 240)
    result = fit(
        FitJob(
            "mine",
            Model.model_validate(entry),
            7,
            table.X,
            table.y,
            table.cardinalities,
            *parts,
            parts[0],
            table.X[:0],
            table.y[:0],
            **job,
        )
    )
    return plain((result.test, result.trials))


@case("Model.model")
def of_kinds() -> Results:
    return fitted({"model": "logistic_regression"}), fitted({"model": "svm"})


@case("Model.strategies")
def of_strategies() -> Results:
    one, other = (
        config.parse({**SMALLEST, "models": {"xgboost": {"strategies": names}}})
        for names in ("all", ["none"])
    )
    return cells(one), cells(other)


@case("Model.scale")
def of_scaled_models() -> Results:
    one = {"model": "logistic_regression"}
    return fitted(one), fitted({**one, "scale": "power"})


@case("Model.costs")
def of_weighed_models() -> Results:
    margins = np.column_stack([np.ones(240), np.full(240, 5.0)])
    return (
        fitted(FEW_TREES, cost_margins=margins),
        fitted({**FEW_TREES, "costs": "weights"}, cost_margins=margins),
    )


@case("Model.calibration")
def of_calibration() -> Results:
    random = np.random.default_rng(0)
    scores = random.random(80)
    y = (random.random(80) < scores).astype(np.int8)
    found = []
    for calibration in (None, "isotonic"):
        entry = Model(calibration=calibration)
        candidates = levels.candidates("none", Strategy(), "xgboost", entry)
        calibrator = recalibration.choose(candidates, y, scores, 1.0).calibrator
        assert calibrator is not None
        found.append(plain(calibrator.log_odds(scores)))
    return found[0], found[1]


@case("Model.device")
def of_devices() -> Results:
    """Whether the device is there is seen by the fit; which one it is stands in the key."""
    one, other = ({**SMALLEST, "models": {"xgboost": {"device": d}}} for d in ("cpu", "cuda"))
    return fit_keys(one, numeric_table()), fit_keys(other, numeric_table())


@case("Model.params")
def of_params_of_models() -> Results:
    return fitted(FEW_TREES), fitted({**FEW_TREES, "params": {"n_estimators": 6, "max_depth": 2}})


@case("Model.search")
def of_searches() -> Results:
    space = {"n_estimators": [3, 9]}
    return fitted(FEW_TREES), fitted({**FEW_TREES, "search": {"trials": 3, "space": space}})


def drawn(trials: int = 6, **space: Any) -> Any:
    """The parameters that a search tries."""
    entry = Model.model_validate({"search": {"trials": trials, "space": space}})
    assert entry.search is not None
    found = search(
        lambda params, _: sum(map(float, params.values())),
        entry.search.space,
        entry.search.trials,
        1,
    )
    return [trial["params"] for trial in found.trials]


@case("Search.trials")
def of_trials() -> Results:
    return drawn(x=[1, 2, 3]), drawn(trials=7, x=[1, 2, 3])


@case("Search.space")
def of_spaces() -> Results:
    return drawn(x=[1, 2, 3]), drawn(x=[1, 2, 3], z=[1, 2])


for bound, other in (("low", 0.5), ("high", 90), ("step", 0.25), ("log", True)):
    CASES[f"Range.{bound}"] = lambda bound=bound, other=other: (  # type: ignore[misc]
        drawn(x={"low": 0.75, "high": 64}),
        drawn(x={"low": 0.75, "high": 64, bound: other}),
    )


# ---------------------------------------------------------------------------- rules and costs


def decided(rules: Thresholds | None = None, of: Costs | None = None) -> Any:
    """Decisions, their thresholds and what they cost."""
    random = np.random.default_rng(0)
    table = numeric_table()
    scores = np.round(0.3 * table.y + 0.7 * random.random(240), 2)
    amounts = {COST + "amount": np.linspace(1, 9, 240), COST + "fee": np.linspace(3, 2, 240)}
    table = Table(table.features, table.X, table.y, {}, amounts)
    matrix = costs.matrix(of or Costs(), table, "here")
    test, validation_rows = np.arange(120), np.arange(120, 240)
    log_odds = np.log(scores[test] + 0.01) - np.log(1.01 - scores[test])
    fold = FoldScores(test, scores[test], validation_rows, scores[validation_rows], log_odds)
    result = decisions.decisions(
        "mine", ("none", "xgboost"), [fold], table.y, rules or Thresholds(), matrix
    )
    return plain(result)


for rule, setting in (("half", 0.4), ("tuned", "g_mean"), ("cost", "empirical")):
    CASES[f"Thresholds.{rule}"] = lambda rule=rule, setting=setting: (  # type: ignore[misc]
        decided(),
        decided(Thresholds(**{rule: setting})),
    )
for cost, number in (
    ("false_positive", 2),
    ("false_negative", 2),
    ("true_positive", 0.5),
    ("true_negative", 0.5),
):
    CASES[f"Costs.{cost}"] = lambda cost=cost, number=number: (  # type: ignore[misc]
        decided(),
        decided(of=Costs(**{cost: number})),
    )
for part, value in (("column", "fee"), ("times", 2), ("plus", 1)):
    CASES[f"CostOf.{part}"] = lambda part=part, value=value: (  # type: ignore[misc]
        decided(of=Costs.model_validate({"false_negative": {"column": "amount"}})),
        decided(of=Costs.model_validate({"false_negative": {"column": "amount", part: value}})),
    )


# --------------------------------------------------------------------------- verdicts and goals


def judged(worth: Worth, measure: str = "average_precision") -> Any:
    """The row of a small difference with much chance."""
    random, cells = np.random.default_rng(0), [("none", "xgboost"), ("smote", "xgboost")]
    rule = "cost" if measure in ("f1", differences.COST) else ""
    folds, draws = (0.5 + 0.05 * random.normal(size=(2, many)) for many in (10, 200))
    one = differences.Measure(measure, rule, cells, folds.mean(axis=1), folds, draws)
    design = differences.Design(2, 20, 100, worth, 1)
    table = differences.table([one], [{cells[1]: cells[0]}], design)
    return table.loc[0, ["verdict", "repeats_needed"]].tolist()


for name in Worth.model_fields:
    CASES[f"Worth.{name}"] = lambda name=name: (  # type: ignore[misc]
        judged(Worth(**{name: 0}), name),
        judged(Worth(**{name: 1}), name),
    )


@case("Dataset.worth")
def of_worth() -> Results:
    before, after = with_mine(), with_mine(worth={"average_precision": 1})
    return judged(before.worth_of("mine")), judged(after.worth_of("mine"))


def asked(params: Params) -> Any:
    answers = {question: {"strategy": question, "model": "xgboost"} for question in advice.ASKED}
    return advice.advised({"goal": params.goal_of("mine"), "answers": answers})


@case("Dataset.goal")
def of_goals() -> Results:
    return asked(with_mine()), asked(with_mine(goal="cost"))


# ------------------------------------------------------------------------------- the top level


@case("Params.goal")
def of_the_goal() -> Results:
    return asked(config.parse(SMALLEST)), asked(config.parse({**SMALLEST, "goal": "cost"}))


@case("Params.worth")
def of_the_worth() -> Results:
    other = config.parse({**SMALLEST, "worth": {"average_precision": 1}})
    return judged(config.parse(SMALLEST).worth_of("mine")), judged(other.worth_of("mine"))


@case("Params.seed")
def of_seeds() -> Results:
    one, other = (fit_keys({**SMALLEST, "seed": seed}, numeric_table()) for seed in (1, 2))
    return one, other


@case("Params.datasets")
def of_names_of_datasets() -> Results:
    entry = SMALLEST["datasets"]["mine"]
    return (
        fit_keys(SMALLEST, numeric_table()),
        fit_keys({**SMALLEST, "datasets": {"other": entry}}, numeric_table()),
    )


@case("Params.strategies")
def of_all_strategies() -> Results:
    one, other = (
        config.parse({**SMALLEST, "strategies": names}) for names in ({"none": {}}, {"enn": {}})
    )
    return cells(one), cells(other)


@case("Params.models")
def of_all_models() -> Results:
    one, other = (
        config.parse({**SMALLEST, "models": names}) for names in ({"svm": {}}, {"mlp": {}})
    )
    return cells(one), cells(other)


@case("Params.split")
def of_the_split() -> Results:
    other = config.parse({**SMALLEST, "split": {"scheme": "holdout"}})
    return parts_of(config.parse(SMALLEST)), parts_of(other)


@case("Params.thresholds")
def of_the_rules() -> Results:
    other = config.parse({**SMALLEST, "thresholds": {"half": 0.9}})
    return decided(), decided(other.thresholds_of("mine"))


@case("Params.costs")
def of_the_costs() -> Results:
    other = config.parse({**SMALLEST, "costs": {"false_negative": 9}})
    return decided(), decided(of=other.costs_of("mine"))


@pytest.fixture
def mirrored(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    Path("mirror").mkdir()
    monkeypatch.setenv("COUNTERPOISE_MIRROR", str(workplace / "mirror"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    yield workplace


@pytest.mark.parametrize("key", sorted(keys_of(Params) & set(CASES)))
def test_a_key_changes_a_result(key: str, mirrored: Path) -> None:
    before, after = CASES[key]()
    changes = repr(before) != repr(after)  # they are too long to be shown
    assert changes
