"""The parts of the suite: what each runs, and the figures that it gives."""

from __future__ import annotations

import importlib.util
import json
import statistics
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.speed import environments, machine, overhead, repro, timed, work
from benchmarks.speed.given import read
from benchmarks.speed.repro import Clone
from benchmarks.speed.smote_variants_side import STRATEGIES as SHARED
from counterpoise.core import paths
from counterpoise.core.errors import LibraryError, ResultError

Section = dict[str, Any]
"""A part's figures, ready for JSON."""

REPRO, BARE, FLOOR, PYCARET, PYCARET_TRACKED, SMOTE_VARIANTS, BARE_SHARED = (
    "repro",
    "bare",
    "floor",
    "pycaret",
    "pycaret_tracked",
    "smote_variants",
    "bare_shared",
)
CONTENDERS = (REPRO, BARE, FLOOR, PYCARET, PYCARET_TRACKED, SMOTE_VARIANTS, BARE_SHARED)
BESIDE = {PYCARET_TRACKED: PYCARET, BARE_SHARED: SMOTE_VARIANTS}
"""Those that are left out with another."""
ROWS = (10_000, 100_000, overhead.LIKE_THE_GRID, 1_000_000)
"""The third is the size of the credit-card data without a test part."""
SAMPLERS = ("benchmarks.samplers", "benchmarks.oversampling")


# The grid


def grid(rounds: int, *, quick: bool = False, without: Sequence[str] = ()) -> Section:
    """The same work by every contender in turn, round after round."""
    # before the first clone: a commit that is made meanwhile is not measured
    about = machine.facts()
    content = work.grid(quick=quick)
    params = work.parsed(content)
    mirror = work.mirror(params)
    pythons, left_out = _pythons(without)
    measured: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="speed-") as name:
        given, found = Path(name) / "given", dict[str, pd.DataFrame]()
        work.write(given, params)
        asked = read(given)
        contenders = [who for who in CONTENDERS if BESIDE.get(who, who) not in left_out]
        for k in range(rounds):
            figures: dict[str, Any] = {}
            turn = k % len(contenders)  # nobody is always the first
            for who in contenders[turn:] + contenders[:turn]:
                label = f"round {k + 1} of {rounds}, {who}"
                place = Path(name) / f"{k}-{who}"
                if who == REPRO:
                    clone = Clone.made(place, mirror, content)
                    figures[who], found[who] = _repro(clone, label), clone.average_precision()
                else:
                    figures[who], found[who] = _script(who, given, place, label, pythons)
            measured.append(figures)
    return {
        "machine": about,
        "fits": len(asked.cells),
        "shared_fits": len(asked.of(SHARED).cells),
        "rounds": measured,
        "left_out": left_out,
        "differences": differences(found),
    }


def _pythons(without: Sequence[str]) -> tuple[dict[str, str], dict[str, str]]:
    """Interpreters of those that live apart, and who is left out, with the reason."""
    pythons, left_out = {}, {}
    for who in (PYCARET, SMOTE_VARIANTS):
        if who in without:
            left_out[who] = "left out by --without"
            continue
        try:
            pythons[who] = str(environments.python(who))
        except LibraryError as error:
            print(f"error: {error}", file=sys.stderr)
            left_out[who] = error.what
    return pythons, left_out


def _repro(clone: Clone, label: str) -> Section:
    """One run from nothing, and what it left."""
    took = clone.repro(label)
    measured, fitted = clone.measured(), repro.fits(took.lines)[0]
    if not (fitted and sum(measured.values())):
        raise ResultError(
            "A run from nothing has fitted nothing, as it seems.",
            where=label,
            expected=(
                "lines `N fits, M from the store` of stages.train, and seconds below data/measured"
            ),
            found=f"{fitted} fits, {sum(measured.values()):g} measured seconds",
            todo="if the stages say it otherwise now, change benchmarks/speed/repro.py to match.",
        )
    return {
        **took.figures,
        "stages": repro.stage_seconds(took.lines, took.seconds),
        "fits": fitted,
        "measured": measured,
        "disk": clone.disk(),
    }


def _script(
    who: str, given: Path, place: Path, label: str, pythons: dict[str, str]
) -> tuple[dict[str, Any], pd.DataFrame]:
    """One run of a script on the work that was written; the floor's seconds are its CPU seconds
    over the cores."""
    place.mkdir()
    out = place / "out.json"
    variables = timed.environment(PYTHONPATH=str(paths.REPOSITORY))
    module, more = who if who == BARE else f"{who}_side", list[str]()
    if who == FLOOR:
        module, more = BARE, ["--serial"]
        variables |= dict.fromkeys(
            ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"
        )
    elif who == BARE_SHARED:
        module, more = BARE, ["--strategies", ",".join(SHARED)]
    elif who == PYCARET_TRACKED:
        module, more = f"{PYCARET}_side", ["--tracked"]
    command = [
        pythons.get(PYCARET if who == PYCARET_TRACKED else who, sys.executable),
        "-m",
        f"benchmarks.speed.{module}",
        str(given),
        "--out",
        str(out),
    ]
    took = timed.run([*command, *more], place, variables, label)
    told = json.loads(out.read_text())
    if who != FLOOR:
        return took.figures, pd.DataFrame(told)
    strategies = {name: sum(phases.values()) for name, phases in told.items()}
    cpu, cores = sum(strategies.values()), machine.cpu_count()
    shared = sum(seconds for name, seconds in strategies.items() if name in SHARED)
    return {
        "seconds": cpu / cores,
        "cpu_seconds": cpu,
        "peak_bytes": took.peak_bytes,
        "shared_seconds": shared / cores,
        "by_strategy": told,
    }, pd.DataFrame()


def differences(found: dict[str, pd.DataFrame]) -> dict[str, float]:
    """How far the average precision of a cell is from the bare script's, at most: whether they did
    the same work."""
    bare = found[BARE]
    result = {}
    for who, table in found.items():
        if who not in (BARE, FLOOR):
            both = table.merge(
                bare, on=["strategy", "model"], suffixes=("", "_bare"), validate="one_to_one"
            )
            assert len(both) == len(table)
            result[who] = float(
                (both["average_precision"] - both["average_precision_bare"]).abs().max()
            )
    return result


# Again, with nothing or little changed


def again(rounds: int, *, quick: bool = False) -> Section:
    """The default grid once from nothing, then as it is, then with one changed model and with one
    changed threshold."""
    about, content = machine.facts(), work.committed()
    if quick:
        content |= {
            "datasets": {"digits": content["datasets"]["digits"]},
            "strategies": {name: {} for name in ("none", "random_under")},
            "models": {
                name: content["models"][name] for name in ("logistic_regression", "xgboost")
            },
        }
    with tempfile.TemporaryDirectory(prefix="speed-") as name:
        clone = Clone.made(Path(name) / "clone", work.mirror(work.parsed(content)), content)
        first = _repro(clone, "the default grid from nothing")
        same = [clone.repro(f"nothing changed, {k + 1} of {rounds}").figures for k in range(rounds)]
        params = clone.params
        entry = params["models"]["xgboost"].setdefault("params", {})
        entry["n_estimators"] = entry.get("n_estimators", 100) + 1
        clone.write(params)
        model = _changed(clone, "one changed model", clone.expected_fits("xgboost"))
        params["thresholds"]["half"] = 0.4
        clone.write(params)
        threshold = _changed(clone, "one changed threshold", 0)
    return {"machine": about, "first": first, "same": same, "model": model, "threshold": threshold}


def _changed(clone: Clone, label: str, expected: int) -> Section:
    took = clone.repro(label)
    fitted, kept = repro.fits(took.lines)
    return {
        **took.figures,
        "fits": fitted,
        "from_the_store": kept,
        "expected_fits": expected,
        "stages": repro.stages(took.lines),
    }


# Large tables


def large(rows: Sequence[int], told: Callable[[Section], None]) -> None:
    """One run from nothing for each number of rows; what is measured is told at once, since the
    next takes longer."""
    for count in rows:
        with tempfile.TemporaryDirectory(prefix="speed-") as name:
            about, clone = machine.facts(), Clone.made(Path(name) / "clone", "")
            clone.write(overhead.write(clone.folder, count))
            figures = _repro(clone, f"{count:,} rows")
        told({"machine": about, "rows": count, **figures})


# The samplers


def samplers(out: Path) -> Section:
    """The benchmarks of the samplers, where there are any; what they print is kept as it is."""
    present = [name for name in SAMPLERS if importlib.util.find_spec(name) is not None]
    if not present:
        print(f"samplers: none of {', '.join(SAMPLERS)} is here")
    printed = {}
    for name in present:
        took = timed.run([sys.executable, "-m", name], paths.REPOSITORY, timed.environment(), name)
        printed[name] = [line.text for line in took.lines]
        (out / f"{name.rpartition('.')[2]}.txt").write_text("\n".join(printed[name]) + "\n")
    return {"machine": machine.facts(), "printed": printed}


def median(values: Sequence[float]) -> float:
    return float(statistics.median(values))
