"""Stage track: MLflow runs that show the results on disk, one a cell, however often it is run.

DVC's results are the truth and MLflow is their view. A store out of reach is said, with what is unpublished, and is no
failure unless COUNTERPOISE_TRACK_STRICT=1; the next run completes the view.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from stages import config, files, paths
from stages.config import Params
from stages.errors import StorageError, guarded
from stages.pool import Killed, Pool
from stages.tracking import locked, peek, store
from stages.tracking.locked import Locked
from stages.tracking.revision import UNKNOWN, Maker, maker, revision
from stages.tracking.runs import Seen
from stages.tracking.store import Store

if TYPE_CHECKING:
    from stages.tracking import items

# pandas, matplotlib and mlflow take seconds to import, and most often there is nothing to publish: they are imported where
# they are needed

STRICT = "COUNTERPOISE_TRACK_STRICT"


@dataclass(frozen=True)
class Run:
    """A run that should be there."""

    piece: items.CellResults | items.ComparisonResults
    maker: Maker


def runs_of(made: Locked, results: items.Results) -> dict[str, Run]:
    """What should be there, by key, the comparison last."""
    of = {strategy: maker(md5, paths.scores(made.dataset, strategy)) for strategy, md5 in made.scores.items()}
    cells = {key: Run(results.cell(cell), of[cell[0]]) for cell, key in made.keys.items()}
    return cells | {made.comparison: Run(results.comparison, maker(made.evaluation, paths.evaluation(made.dataset)))}


def publish(made: Locked, target: Store, *, changed: bool = False) -> str:
    """Publish what is missing, mark what is current, and tell what was done.

    Parameters
    ----------
    changed : bool
        Whether params.yaml asks for other results than those that are there.
    """
    from tqdm import tqdm

    from stages.tracking import items
    from stages.tracking.client import Publisher

    locked.hold_against_disk(made)
    results = items.results(made.dataset, made.params)
    runs = runs_of(made, results)
    publisher = Publisher(store=target, dataset=made.dataset, wanted=made.wanted, made=runs[made.comparison].maker.at)
    published = 0
    keys = list(runs)
    # pictures are most of the work; the processes that draw them know nothing of the connection, and do not wait for it
    # where a look tells what is missing
    ahead = peek.planned(made, target)
    with (
        Pool(items.items, [run.piece for run in runs.values()]) as drawing,
        ExitStack() as open_until_then,
        ThreadPoolExecutor(1) as beside,
    ):
        connecting = beside.submit(open_until_then.enter_context, publisher.opened())
        origin = [*provenance(made, changed=changed), items.dataset_input(results, made.data)]

        def write(key: str, content: list[items.Item]) -> None:
            nonlocal published
            run = runs[key]
            content = [*content, *maker_tags(run.maker), *origin]
            if key == made.comparison:
                content.append(items.cells(made.names))
            publisher.publish(run.piece.name, key, content, run.maker.at)
            published += 1
            bar.update()

        def wanted(position: int) -> bool:
            key = keys[position]
            return key == made.comparison or not connecting.done() or not publisher.taken(key)

        todo = (ahead or connecting.result()).publish
        drawn: list[tuple[str, list[items.Item]]] = []  # before there was a connection
        kept: dict[str, list[items.Item]] = {}  # the comparison is drawn early and written last
        with tqdm(desc=f"track {made.dataset}", total=len(todo), unit="run", disable=None) as bar:
            kinds = {keys.index(key): key == made.comparison for key in todo}
            for position, content in drawing.done(kinds, wanted):
                if isinstance(content, Killed):
                    continue
                drawn.append((keys[position], content))
                if not connecting.done():
                    continue
                for key, content in drawn:
                    if key == made.comparison or key not in connecting.result().publish or publisher.taken(key):
                        kept[key] = content
                    else:
                        write(key, content)
                drawn.clear()
            first = connecting.result()
            kept |= drawn
            # what another publisher was about to write comes again where it was killed, and the comparison when all is there
            for key in publisher.lacking() if first.publish else ():
                write(key, kept.get(key) or items.items(runs[key].piece))
            last = publisher.settle()
            while last.lacking and published < 2 * len(runs):  # somebody has removed one meanwhile
                for key in last.lacking:
                    write(key, items.items(runs[key].piece))
                last = publisher.settle()
    counts = {
        "published": published,
        "published by others meanwhile": len(first.publish) - published,
        "unfinished or doubled removed": len(first.remove) + last.removed,
        "current now": last.marked,
        "no longer current": last.unmarked,
    }
    told = ", ".join(f"{count} {what}" for what, count in counts.items() if count > 0) or "nothing to publish"
    return f"{made.dataset}: {told}; {len(made.wanted)} runs at {target.shown}" + newer_told(last.newer)


def newer_told(newer: Seen | None) -> str:
    """What to say where the results that were published are not the newest on the server."""
    if newer is None:
        return ""
    at = datetime.fromtimestamp(newer.made / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")
    return f"\n  current are newer results there, made {at} (their commit and maker are tags of the run `comparison`)"


def provenance(made: Locked, *, changed: bool) -> Iterator[items.Item]:
    """What the runs were made from, as tags that they have in common; parameters changed since make any tree dirty."""
    from stages.tracking.items import Tag

    found = revision()
    yield Tag("git_commit", found.commit)
    yield Tag("git_branch", found.branch)
    yield Tag("git_dirty", "true" if changed else found.dirty)
    if found.commit != UNKNOWN:
        yield Tag("mlflow.source.git.commit", found.commit)
    yield Tag("mlflow.source.name", f"python -m stages.track {made.dataset}")
    yield Tag("data_md5", made.data)
    yield Tag("requirements_lock", made.requirements)


def maker_tags(maker: Maker) -> Iterator[items.Item]:
    """Who made a run's results, and when."""
    from stages.tracking.items import Tag

    yield Tag("made_by", maker.name)
    if maker.at:
        yield Tag("made_at", datetime.fromtimestamp(maker.at / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
    yield Tag("mlflow.user", maker.name)


def changed_since(made: Locked, now: Params) -> bool:
    """Whether params.yaml asks for other results than those that are there."""
    name, then = made.dataset, made.params
    return (then.seed, then.strategies, then.models, then.split_of(name), then.thresholds_of(name), then.costs_of(name)) != (
        now.seed, now.strategies, now.models, now.split_of(name), now.thresholds_of(name), now.costs_of(name)
    )  # fmt: skip


def warm_up() -> None:
    """Import what publishing needs, where it will be needed."""
    from stages.tracking import connection, items

    assert items
    connection.imported_for(store.chosen(os.environ))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m stages.track", description=__doc__)
    parser.add_argument("dataset", help="a key of params.yaml: datasets")
    name = parser.parse_args().dataset
    params = config.load()
    params.dataset(name)
    target = store.chosen(os.environ)
    made = locked.read(name)
    changed = changed_since(made, params)
    if changed:
        print(f"{name}: {paths.PARAMS} has changed since; `dvc repro track@{name}` makes new results")
    if peek.complete(made, target):
        print(f"{name}: all {len(made.wanted)} runs are published")
    else:
        try:
            print(publish(made, target, changed=changed))
        except StorageError as error:
            if os.environ.get(STRICT, "0") not in ("", "0"):
                raise
            print(f"\nwarning: {error}", file=sys.stderr)
    # also of runs that could not be published: `look` takes the list away, and they are tried again
    files.write_json(paths.runs(name), {"cells": made.names, "comparison": made.comparison})
    return 0


if __name__ == "__main__":
    raise SystemExit(guarded(main, bring_back=False)())
