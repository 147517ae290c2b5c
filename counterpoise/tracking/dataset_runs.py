"""Publish the missing MLflow runs of a dataset, and mark the current ones."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from counterpoise.tracking.manifest import RunManifest
from counterpoise.tracking.store import Store

if TYPE_CHECKING:
    from counterpoise.core.revision import Origin
    from counterpoise.tracking.items import Item, Results

# pandas, pydantic and mlflow take seconds to import, and usually there is nothing to publish, so
# they are imported only where they are used


def publish(made: RunManifest, target: Store) -> tuple[str, str]:
    """Publish the missing runs and mark the current ones.

    Parameters
    ----------
    made : RunManifest
        The manifest of the dataset's results.
    target : Store
        Where the runs belong.

    Returns
    -------
    str
        A message on what was done.
    str
        MLflow's id of the experiment.

    Raises
    ------
    StorageError, ConfigurationError
        As in `counterpoise.tracking.connection.Connection`.
    """
    from tqdm import tqdm

    from counterpoise.tracking import items
    from counterpoise.tracking.publisher import Publisher
    from counterpoise.tracking.runs import COMPARISON

    publisher = Publisher(store=target, dataset=made.dataset, wanted=made.wanted, made=made.made.at)
    names = {key: name for name, key in made.keys.items()} | {made.comparison: COMPARISON}
    with publisher.opened() as plan:
        publisher.remove(plan)
        if not plan.empty:
            results = items.results(made.dataset, made.params)
            for key in tqdm(
                plan.publish, desc=f"{made.dataset}: runs published", unit="run", disable=None
            ):
                # a comparison has no fits, nor has a combination without training rows: their
                # origin is that of `evaluate`
                origin = results.measured.made.get(names[key], made.made)
                publisher.publish(
                    names[key],
                    key,
                    content(made, results, names[key], origin),
                    origin.at,
                    items.fitted(results, names[key], made.made.at),
                )
        # with nothing to do, this process has no turn, and another may be writing by now
        last = plan
        if not plan.empty:
            verdicts = {made.keys[name]: text for name, text in items.verdicts(results).items()}
            last = publisher.settle(verdicts, items.experiment_note(results), results.rules)
    counts = {
        "published": len(plan.publish),
        "unfinished or doubled removed": len(plan.remove) + len(last.remove),
        "current now": len(last.mark),
        "no longer current": len(last.unmark),
    }
    message = (
        ", ".join(f"{count} {what}" for what, count in counts.items() if count)
        or "nothing to publish"
    )
    message = f"{made.dataset}: {message}; {len(made.wanted)} runs at {target.shown}"
    if publisher.newer is not None:
        at = f"{_time(publisher.newer.made):%Y-%m-%d %H:%M UTC}"
        message += (
            f"\n  current are newer results there, made {at} (the tags of the run `comparison` name"
            " the author)"
        )
    return message, publisher.experiment


def content(made: RunManifest, results: Results, name: str, origin: Origin) -> Iterator[Item]:
    """Collect the content of one run.

    Parameters
    ----------
    made : RunManifest
        The manifest of the results.
    results : Results
        The dataset's results.
    name : str
        "strategy/model" of a combination, or `COMPARISON`.
    origin : Origin
        Who made the run's results, when, and from which commit.

    Yields
    ------
    Item
        Parameters, metrics, tags, artifacts and the dataset.
    """
    from counterpoise.core.revision import UNKNOWN, revision
    from counterpoise.tracking import items
    from counterpoise.tracking.items import Tag
    from counterpoise.tracking.runs import COMPARISON

    yield from items.items(results, name)
    if name == COMPARISON:
        yield items.cells(made.keys)
    yield items.dataset_input(results, made.data_md5)
    tags = {
        "mlflow.user": origin.by,
        "mlflow.source.name": f"python -m stages.track {made.dataset}",
        "mlflow.source.git.branch": revision().branch,
        "mlflow.source.git.commit": origin.commit,
        "mlflow.source.git.dirty": origin.dirty,
    }
    for tag, value in tags.items():
        if value != UNKNOWN:
            yield Tag(tag, value)


def _time(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
