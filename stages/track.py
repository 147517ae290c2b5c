"""Stage track: MLflow runs that show the results on disk, one a cell, however often it is run.

DVC's results are the truth and MLflow is their view. A store out of reach is said, with what is unpublished, and is no
failure unless COUNTERPOISE_TRACK_STRICT=1; the next run completes the view.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from typing import TYPE_CHECKING

from stages import config, paths
from stages.config import Params
from stages.errors import StorageError, guarded
from stages.tracking import locked, peek, store
from stages.tracking.locked import Locked
from stages.tracking.revision import UNKNOWN, revision
from stages.tracking.runs import plan
from stages.tracking.store import Store

if TYPE_CHECKING:
    from stages.tracking import items

# pandas, matplotlib and mlflow take seconds to import, and most often there is nothing to publish: they are imported where
# they are needed

STRICT = "COUNTERPOISE_TRACK_STRICT"
MANY = 8
"""From so many runs on, all cores draw their pictures."""


def nothing_to_do(made: Locked, target: Store) -> bool:
    """Whether a look into an SQLite store shows that it holds what it should; False where a look cannot tell."""
    seen = None if target.database is None else peek.seen(target.database, made.dataset)
    return seen is not None and plan(seen, made.wanted).nothing


def publish(made: Locked, target: Store) -> str:
    """Publish what is missing, mark what is current, and tell what was done."""
    from tqdm import tqdm

    from stages.tracking import items
    from stages.tracking.client import Publisher

    locked.hold_against_disk(made)
    results = items.results(made.dataset, made.params)
    pieces: dict[str, items.CellResults | items.ComparisonResults] = {made.comparison: results.comparison}
    pieces |= {key: results.cell(cell) for cell, key in made.keys.items()}
    publisher = Publisher(store=target, dataset=made.dataset, wanted=made.wanted)
    with publisher.opened() as first, drawn([pieces[key] for key in first.publish]) as contents:
        origin = [*provenance(made), items.dataset_input(results, made.data)] if first.publish else []
        bar = tqdm(first.publish, desc=f"track {made.dataset}", unit="run", disable=None)
        for key, content in zip(bar, contents, strict=True):
            publisher.publish(pieces[key].name, key, [*content, *origin])
        last = publisher.settle()
    counts = {
        "published": len(first.publish),
        "unfinished or doubled removed": len(first.remove) + len(last.remove),
        "current again": len(last.mark),
        "no longer current": len(last.unmark),
    }
    told = ", ".join(f"{count} {what}" for what, count in counts.items() if count) or "nothing to publish"
    return f"{made.dataset}: {told}; {len(made.wanted)} current runs at {target.shown}"


@contextmanager
def drawn(pieces: list[items.CellResults | items.ComparisonResults]) -> Iterator[Iterator[list[items.Item]]]:
    """The items of several runs, in order; their pictures are most of the work."""
    from concurrent.futures import ProcessPoolExecutor

    from joblib import cpu_count

    from stages.tracking import items

    if len(pieces) < MANY:
        yield map(items.items, pieces)
        return
    # not forked: mlflow's threads may hold a lock. An interrupt is the parent's to answer.
    pool = ProcessPoolExecutor(
        min(cpu_count(), len(pieces)), get_context("spawn"), signal.signal, (signal.SIGINT, signal.SIG_IGN)
    )
    try:
        yield pool.map(items.items, pieces)
    finally:
        pool.shutdown(cancel_futures=True)


def provenance(made: Locked) -> Iterator[items.Item]:
    """What the runs were made from, as tags that they have in common."""
    from stages.tracking.items import Tag

    commit, dirty = revision()
    yield Tag("git_commit", commit)
    yield Tag("git_dirty", dirty)
    if commit != UNKNOWN:
        yield Tag("mlflow.source.git.commit", commit)
    yield Tag("mlflow.source.name", f"python -m stages.track {made.dataset}")
    yield Tag("data_md5", made.data)
    yield Tag("requirements_lock", made.requirements)


def changed_since(made: Locked, now: Params) -> bool:
    """Whether params.yaml asks for other results than those that are there."""
    name, then = made.dataset, made.params
    return (then.seed, then.strategies, then.models, then.split_of(name), then.thresholds_of(name), then.costs_of(name)) != (
        now.seed, now.strategies, now.models, now.split_of(name), now.thresholds_of(name), now.costs_of(name)
    )  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m stages.track", description=__doc__)
    parser.add_argument("dataset", help="a key of params.yaml: datasets")
    name = parser.parse_args().dataset
    params = config.load()
    params.dataset(name)
    target = store.chosen(os.environ)
    made = locked.read(name)
    if changed_since(made, params):
        print(f"{name}: {paths.PARAMS} has changed since; `dvc repro track@{name}` makes new results")
    if nothing_to_do(made, target):
        print(f"{name}: all {len(made.wanted)} runs are published")
        return 0
    try:
        print(publish(made, target))
    except StorageError as error:
        if os.environ.get(STRICT, "0") not in ("", "0"):
            raise
        print(f"\nwarning: {error}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    raise SystemExit(guarded(main, bring_back=False)())
