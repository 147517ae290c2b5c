"""Published numbers beside ours: protocols that others published, run by this project's own models.

    python -m benchmarks.published             what the mirror has the bytes for, a few minutes
    python -m benchmarks.published --only svm  one of them
    python -m benchmarks.published --full      also the whole of creditcard and higgs, downloaded

Exit status 1 says that one of our numbers is further from the published one than its tolerance.
benchmarks/README.md says where each tolerance is from.
"""

from __future__ import annotations

import argparse
import sys
import textwrap
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import RepeatedStratifiedKFold, train_test_split

from counterpoise.core import config, paths, yaml12
from counterpoise.core.config import Dataset, Model, Source
from counterpoise.core.errors import SourceError, guarded
from counterpoise.data import datasets, splitters
from counterpoise.data.folds import Fold
from counterpoise.data.sources import MIRROR, NotHere
from counterpoise.data.tables import Table
from counterpoise.engine.fit import FitJob, FitResult, fit
from counterpoise.engine.resampling import resample
from counterpoise.evaluation.thresholds import confusion, rates

Metrics = dict[str, float]
Fetch = Callable[[str], Table]
Run = Callable[[Fetch], list[Metrics]]
"""Takes what gives a table by its name; returns the metrics of each seed."""

SEEDS = range(5)


@dataclass(frozen=True)
class Published:
    """One published number, and how to get ours.

    Attributes
    ----------
    name : str
        The name of the protocol, which `--only` takes; numbers of one protocol share it.
    source : str
        Who published it, and where.
    metric : str
        Which of the metrics that `run` returns.
    value : float
    tolerance : float or None
        How far ours, the median over the seeds, may be away; None for a difference of which the
        sign alone is claimed.
    run : callable
        Shared by the numbers of one protocol, which then runs once.
    ours : float, optional
        What our number is held against instead, where it is known that the published one does not
        come out.
    note : str
        What a reader of the table has to know.
    full : bool
        Whether it needs a file that is downloaded.
    """

    name: str
    source: str
    metric: str
    value: float
    tolerance: float | None
    run: Run
    ours: float | None = None
    note: str = ""
    full: bool = False

    def verdict(self, found: float) -> Literal["within", "outside", "differs, as known"]:
        """What a number of ours says of the published one; a number that is missing is outside."""
        if self.tolerance is None:
            return "within" if found * self.value > 0 else "outside"
        held_against = self.value if self.ours is None else self.ours
        if not abs(found - held_against) <= self.tolerance + 1e-9:
            return "outside"
        return "within" if self.ours is None else "differs, as known"


# Data


WHOLE: dict[str, tuple[str, dict[str, Any]]] = {
    "creditcard": (
        "creditcard_sample",
        {
            "files": [
                {
                    "name": "creditcard.csv",
                    "sha256": "76274b691b16a6c49d3f159c883398e03ccd6d1ee12d9d8ee38f4b4b98551a89",
                    "urls": [
                        "https://storage.googleapis.com/download.tensorflow.org/data/creditcard.csv"
                    ],
                }
            ]
        },
    ),
    "higgs": (
        "higgs_sample",
        {
            "files": [
                {
                    "name": "atlas-higgs-challenge-2014-v2.csv.gz",
                    "unpacked_sha256": (
                        "948bc6a393495d7f807627e6f2ddc358e325d2db8e03644d98011c7dc640d135"
                    ),
                    "urls": [
                        "https://opendata.cern.ch/record/328/files/atlas-higgs-challenge-2014-v2.csv.gz"
                    ],
                }
            ],
            "rows": {"column": "KaggleSet", "equals": "t"},
        },
    ),
}
"""The whole files, which params.yaml leaves commented out: the entry of the sample, and where the
bytes are instead."""


def entry_of(name: str) -> Dataset:
    """A dataset's entry in the committed parameters; that of a whole file is the sample's with
    another source."""
    committed = config.load(paths.REPOSITORY / paths.PARAMS)
    if name not in WHOLE:
        return committed.dataset(name)
    sample, source = WHOLE[name]
    return committed.dataset(sample).model_copy(update={"source": Source.model_validate(source)})


@cache
def table_of(name: str, download: bool = False) -> Table:
    """A dataset's table.

    Raises
    ------
    SourceError
        When its bytes are not on this machine and nobody asked to download them, or cannot be had.
    """
    try:
        return datasets.fetch(name, entry_of(name), download=download)[0]
    except NotHere as missing:
        raise SourceError(
            f"The bytes of {missing} are not on this machine.",
            where=f"dataset {name}",
            expected=(
                f"the file in a folder that {MIRROR} names, or an earlier download in"
                f" {paths.DOWNLOADS}"
            ),
            found="neither",
            todo=(
                f"name a folder that has it in {MIRROR}, or say --full, which downloads what is"
                " missing."
            ),
        ) from None


# Runs


def fitted(works: Sequence[FitJob], label: str) -> list[FitResult]:
    """Fit on all cores, one thread each."""
    from joblib import Parallel, delayed
    from tqdm import tqdm

    pool = Parallel(n_jobs=-1, return_as="generator", inner_max_num_threads=1, backend="loky")
    with warnings.catch_warnings():
        # a process whose memory grew is replaced by a new one, and JAX makes it grow
        warnings.filterwarnings(
            "ignore", "A worker stopped while some jobs were given to the executor"
        )
        return list(
            tqdm(
                pool(map(delayed(fit), works)),
                total=len(works),
                desc=label,
                unit="fit",
                disable=None,
            )
        )


def work(
    table: Table,
    key: str,
    entry: Model,
    seed: int,
    train: NDArray[np.int64],
    test: NDArray[np.int64],
    X: NDArray[np.float64] | None = None,
) -> FitJob:
    """A fit on training rows as they are, without a validation slice."""
    X = table.X if X is None else X
    return FitJob(
        key,
        entry,
        seed,
        X,
        table.y,
        table.cardinalities,
        train,
        train[:0],
        test,
        train,
        X[:0],
        table.y[:0],
    )


def decisions(y: NDArray[np.int8], scores: NDArray[np.float64], threshold: float) -> Metrics:
    """Counts and rates at a threshold, and how many rows of each class there are to decide on."""
    counts = confusion(y, scores >= threshold)
    rows = {"negatives": (y == 0).sum(), "positives": (y == 1).sum()}
    return {
        name: float(value) for name, value in {**rows, **counts._asdict(), **rates(counts)}.items()
    }


@dataclass(frozen=True)
class CrossValidated:
    """The mean ROC AUC over the folds of RepeatedStratifiedKFold(random_state=1) on mammography."""

    key: str
    entry: Model
    repeats: int = 3

    def __call__(self, fetch: Fetch) -> list[Metrics]:
        table = fetch("mammography")
        folds = RepeatedStratifiedKFold(n_splits=10, n_repeats=self.repeats, random_state=1).split(
            table.X, table.y
        )
        works = [work(table, self.key, self.entry, seed, *fold) for seed, fold in enumerate(folds)]
        fits = fitted(works, self.key)
        areas = [roc_auc_score(table.y[w.test], f.test) for w, f in zip(works, fits, strict=True)]
        return [{"roc_auc": float(np.mean(areas))}]


LECTURE: dict[str, Any] = {
    "seed": 1,
    "strategies": {
        "none": {},
        "random_over": {"params": {"random_state": 0}},
        "smote": {"scale": False, "params": {"random_state": 0}},
    },
    "models": {
        "gradient_boosting": {"params": {"n_estimators": 100, "max_depth": 1, "random_state": 0}}
    },
    "split": {"scheme": "holdout", "test_size": 0.2, "seed": 0, "stratify": False, "validation": 0},
    "goal": "ranking",
    "worth": {},
    "thresholds": {},
    "costs": {},
}
"""The lecture's example 1 as params.yaml says it, but for the dataset."""


def lecture() -> dict[str, Any]:
    """The lecture's example 1 as a whole params.yaml."""
    committed = yaml12.load((paths.REPOSITORY / paths.PARAMS).read_text(encoding="utf-8"))
    entry = {
        key: value for key, value in committed["datasets"]["mammography"].items() if key != "split"
    }
    return {**LECTURE, "datasets": {"mammography": entry}}


def lecture_fold(table: Table) -> Fold:
    """The one fold of the lecture's example 1."""
    asked = config.parse(lecture())
    (fold,) = splitters.split(table, asked.split, asked.seed, "mammography")
    return fold


@dataclass(frozen=True)
class FirstExample:
    """The lecture's example 1: gradient boosting on mammography after a strategy, once for each
    random state of its."""

    strategy: str
    random_states: tuple[int, ...] = (0,)

    def __call__(self, fetch: Fetch) -> list[Metrics]:
        table, asked = fetch("mammography"), config.parse(lecture())
        fold, (key, entry), strategy = (
            lecture_fold(table),
            *asked.models.items(),
            asked.strategy(self.strategy),
        )
        found = []
        for random_state in self.random_states:
            params = {"random_state": random_state} if strategy.params else {}
            made = resample(
                table, fold, self.strategy, strategy.model_copy(update={"params": params}), 1
            ).resampled
            assert made is not None
            plain = work(table, key, entry, 1, fold.train, fold.test)
            boosted = replace(
                plain, rows=made.rows, synthetic=made.synthetic, synthetic_y=made.synthetic_y
            )
            found.append(decisions(table.y[fold.test], fit(boosted).test, 0.5))
        return found


@dataclass(frozen=True, eq=False)
class Net:
    """A net of the lecture's examples 2 and 3, on inputs as they are, once for each seed.

    Attributes
    ----------
    dataset : str
    params : dict
        Of our `mlp`.
    test_size, random_states : float, (int, int)
        Of the split into the test part and the rest, and of the rest into training and validation
        (a fifth).
    threshold : float
    missing : "mean" or float
        What stands in place of a missing value: the mean of the column, or this number.
    own_splits : bool
        Whether each seed draws a split of its own, stratified: for samples, whose test parts are
        small.
    """

    dataset: str
    params: dict[str, Any]
    test_size: float
    random_states: tuple[int, int]
    threshold: float
    missing: Literal["mean"] | float = "mean"
    own_splits: bool = False
    seeds: Sequence[int] = field(default=SEEDS)

    def __call__(self, fetch: Fetch) -> list[Metrics]:
        table = fetch(self.dataset)
        instead = np.nanmean(table.X, axis=0) if self.missing == "mean" else self.missing
        X = np.where(np.isnan(table.X), instead, table.X)
        entry = Model(model="mlp", scale=False, params=self.params)
        works = [
            work(table, "mlp", entry, seed, *self._split(table, seed), X) for seed in self.seeds
        ]
        fits = fitted(
            works,
            f"{self.dataset},"
            f" {self.params.get('loss') or self.params.get('class_weight') or 'plain'}",
        )
        return [
            decisions(table.y[w.test], f.test, self.threshold)
            for w, f in zip(works, fits, strict=True)
        ]

    def _split(self, table: Table, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Training and test rows. The validation rows, which the lecture's nets look at and do
        nothing by, go unused."""
        first, second = (state + (seed if self.own_splits else 0) for state in self.random_states)
        y = table.y if self.own_splits else None
        rest, test = train_test_split(
            np.arange(len(table)), test_size=self.test_size, random_state=first, stratify=y
        )
        train, _ = train_test_split(
            rest, test_size=0.2, random_state=second, stratify=None if y is None else y[rest]
        )
        return train, test


@dataclass(frozen=True, eq=False)
class Difference:
    """By how much a remedy changes each metric, seed by seed."""

    remedy: Run
    plain: Run

    def __call__(self, fetch: Fetch) -> list[Metrics]:
        pairs = zip(self.remedy(fetch), self.plain(fetch), strict=True)
        return [
            {metric: remedy[metric] - plain[metric] for metric in plain} for remedy, plain in pairs
        ]


# What was published

BROWNLEE = (
    "J. Brownlee, Imbalanced classification with the mammography dataset, 2020, "
    "machinelearningmastery.com/imbalanced-classification-model-to-detect-microcalcifications"
)
PEZOA = (
    "R. Pezoa Rivera, Clasificacion desbalanceada con Python, PyCon Chile 2021, "
    "github.com/rpezoa/imbalanced-class, example {}"
)
FOREST = Model(params={"n_estimators": 1000})
SVM = Model(scale="power", params={"gamma": "scale", "class_weight": "balanced"})

_HIGGS = Net(
    "higgs",
    {"layers": [300, 150], "optimizer": "rmsprop", "batch_size": 32, "epochs": 20},
    0.2,
    (0, 0),
    0.25,
)
_HIGGS_WEIGHTED = replace(
    _HIGGS, params={**_HIGGS.params, "epochs": 10, "class_weight": {0: 1, 1: 2}}
)
_CARD = Net(
    "creditcard", {"layers": [300, 150, 100, 50], "batch_size": 32, "epochs": 5}, 0.3, (42, 0), 0.5
)
_FOCAL = {"loss": "focal", "loss_alpha": 0.15, "loss_gamma": 1.8}
_CARD_FOCAL = replace(_CARD, params={**_CARD.params, **_FOCAL})

_ON_SAMPLE: dict[str, Any] = {"dataset": "higgs_sample", "own_splits": True}
WEIGHTS_ON_SAMPLE = Difference(
    replace(_HIGGS_WEIGHTED, **_ON_SAMPLE), replace(_HIGGS, **_ON_SAMPLE)
)
_CARD_SAMPLE = replace(
    _CARD, dataset="creditcard_sample", own_splits=True, params={**_CARD.params, "epochs": 20}
)
FOCAL_ON_SAMPLE = Difference(
    replace(_CARD_SAMPLE, params={**_CARD_SAMPLE.params, **_FOCAL}), _CARD_SAMPLE
)

_UNSEEDED = (
    "the lecture draws without a seed and shows another run with precision .216 and recall .830"
)
_SMALL_WEIGHTS = (
    "what the weights change, on 5 splits of the sample, stratified, at the lecture's epochs"
)
_SMALL_FOCAL = (
    "what focal loss changes, on 5 splits of the sample, stratified, at 20 epochs: both losses find"
    " the same of the 11 frauds in a test part, give or take one; the lecture's direction (recall"
    " up, precision down) does not show here"
)
_ONE_DRAW = (
    "the published net is one draw: over its last ten epochs the lecture's curve on validation"
    " rows, at 0.5, moves by .26 in recall and .14 in precision"
)
_AS_CODED = f"-999 stays as it is, which is what the lecture's notebook does; {_ONE_DRAW}"
_ONE_CARD_DRAW = (
    "the published nets are one draw each: over the five epochs recall on the lecture's validation"
    " rows goes .71 .73 .69 .67 .33 with cross entropy and .65 .33 .27 .19 .72 with focal loss, so"
    " which is higher is a matter of the epoch"
)


def _numbers(
    name: str, source: str, run: Run, values: dict[str, tuple[float, float | None]], **more: Any
) -> Iterator[Published]:
    """The numbers of one protocol: of each metric the published value and the tolerance."""
    for metric, (value, tolerance) in values.items():
        yield Published(name, source, metric, value, tolerance, run, **more)


def _higgs(suffix: str, missing: Literal["mean"] | float, note: str) -> Iterator[Published]:
    parts: dict[str, tuple[float, float | None]] = {
        "negatives": (32_871, 0),
        "positives": (17_129, 0),
    }
    yield from _numbers(
        f"higgs_plain{suffix}",
        PEZOA.format(2),
        replace(_HIGGS, missing=missing),
        {**parts, "precision": (0.632925, 0.1), "recall": (0.841030, 0.1), "f1": (0.722286, 0.1)},
        note=note,
        full=True,
    )
    yield from _numbers(
        f"higgs_weighted{suffix}",
        PEZOA.format(2),
        replace(_HIGGS_WEIGHTED, missing=missing),
        {**parts, "precision": (0.497785, 0.1), "recall": (0.931695, 0.1), "f1": (0.648885, 0.1)},
        note=note,
        full=True,
    )


PUBLISHED: list[Published] = [
    *_numbers(
        "forest", BROWNLEE, CrossValidated("random_forest", FOREST), {"roc_auc": (0.950, 0.01)}
    ),
    *_numbers("svm", BROWNLEE, CrossValidated("svm", SVM), {"roc_auc": (0.957, 0.01)}),
    *_numbers(
        "lecture_none",
        PEZOA.format(1),
        FirstExample("none"),
        {
            "precision": (0.777778, 1e-6),
            "recall": (0.396226, 1e-6),
            "f1": (0.525, 1e-6),
            "accuracy": (0.983013, 1e-6),
        },
    ),
    *_numbers(
        "lecture_over",
        PEZOA.format(1),
        FirstExample("random_over"),
        {
            "precision": (0.193133, 1e-6),
            "recall": (0.849057, 1e-6),
            "f1": (0.314685, 1e-6),
            "accuracy": (0.912383, 1e-6),
        },
    ),
    *_numbers(
        "lecture_smote",
        PEZOA.format(1),
        FirstExample("smote", (0, 1, 42)),
        {"precision": (0.225, 0.03), "recall": (0.849057, 0.03)},
        note=_UNSEEDED,
    ),
    *_numbers(
        "weights_on_sample",
        PEZOA.format(2),
        WEIGHTS_ON_SAMPLE,
        {"recall": (0.931695 - 0.841030, None), "precision": (0.497785 - 0.632925, None)},
        note=_SMALL_WEIGHTS,
    ),
    *_numbers(
        "focal_on_sample",
        PEZOA.format(3),
        FOCAL_ON_SAMPLE,
        {"recall": (0.705882 - 0.389706, 0.1), "precision": (0.849558 - 0.963636, 0.1)},
        ours=0.0,
        note=_SMALL_FOCAL,
    ),
    *_higgs("", "mean", _ONE_DRAW),
    *_higgs("_as_coded", -999.0, _AS_CODED),
    *_numbers(
        "card_plain",
        PEZOA.format(3),
        _CARD,
        {
            "negatives": (85_307, 0),
            "positives": (136, 0),
            "precision": (0.963636, 0.15),
            "recall": (0.389706, 0.4),
            "f1": (0.554974, 0.3),
        },
        note=_ONE_CARD_DRAW,
        full=True,
    ),
    *_numbers(
        "card_focal",
        PEZOA.format(3),
        _CARD_FOCAL,
        {
            "negatives": (85_307, 0),
            "positives": (136, 0),
            "precision": (0.849558, 0.15),
            "recall": (0.705882, 0.4),
            "f1": (0.771084, 0.3),
        },
        note=_ONE_CARD_DRAW,
        full=True,
    ),
]


# The table


def rows_of(asked: Sequence[Published], fetch: Fetch) -> Iterator[tuple[Published, list[float]]]:
    """Each published number with ours, one for each seed; a protocol runs once for all its
    numbers."""
    done: dict[int, list[Metrics]] = {}
    for number in asked:
        if id(number.run) not in done:
            start = time.perf_counter()
            done[id(number.run)] = number.run(fetch)
            print(f"{number.name}: {time.perf_counter() - start:.0f} s", file=sys.stderr)
        yield number, [metrics[number.metric] for metrics in done[id(number.run)]]


def told(rows: Sequence[tuple[Published, list[float]]]) -> str:
    """The table, its notes and its sources."""
    notes = list(dict.fromkeys(number.note for number, _ in rows if number.note))
    lines = [
        ("name", "metric", "published", "ours", "difference", "tolerance", "verdict", "seeds", "")
    ]
    for number, found in rows:
        ours = float(np.median(found))
        tolerance = "the sign" if number.tolerance is None else f"{number.tolerance:g}"
        several = (
            f"{min(found):.4g} to {max(found):.4g}, mean {np.mean(found):.4g}"
            if len(found) > 1
            else ""
        )
        lines.append(
            (
                number.name,
                number.metric,
                f"{number.value:.6g}",
                f"{ours:.6g}",
                f"{ours - number.value:+.4f}",
                tolerance if number.ours is None else f"{tolerance} of {number.ours:g}",
                number.verdict(ours),
                several,
                f"[{notes.index(number.note) + 1}]" if number.note else "",
            )
        )
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    table = [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    ]
    wrapped = partial(textwrap.fill, width=120, subsequent_indent="    ")
    remarks = [wrapped(f"[{k}] {note}") for k, note in enumerate(notes, start=1)]
    sources = [wrapped(source) for source in dict.fromkeys(number.source for number, _ in rows)]
    return "\n".join([*table, "", *remarks, *sources])


def main() -> int:
    names = list(dict.fromkeys(number.name for number in PUBLISHED))
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.published",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--only", nargs="+", metavar="NAME", choices=names, help=f"any of: {', '.join(names)}"
    )
    parser.add_argument(
        "--full",
        action="store_true",
        help="also those that need whole files; download what is missing",
    )
    arguments = parser.parse_args()
    asked = [number for number in PUBLISHED if number.name in (arguments.only or names)]
    whole = sorted({number.name for number in asked if number.full})
    if arguments.only and whole and not arguments.full:
        parser.error(f"{', '.join(whole)}: say --full too, which downloads the whole file")
    if not arguments.full:
        asked = [number for number in asked if not number.full]
    rows = list(rows_of(asked, partial(table_of, download=arguments.full)))
    print(told(rows))
    outside = sum(number.verdict(float(np.median(found))) == "outside" for number, found in rows)
    print(f"\n{len(rows) - outside} of {len(rows)} numbers are as expected.")
    return int(outside > 0)


if __name__ == "__main__":
    raise SystemExit(guarded(main, bring_back=False)())
