"""The MLflow runs of a dataset: what is missing is published, and what is current is marked."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from counterpoise.tracking.manifest import RunManifest
from counterpoise.tracking.store import Store

if TYPE_CHECKING:
    from counterpoise.core.revision import Origin
    from counterpoise.tracking.items import Item, Results

# pandas, pydantic and mlflow take seconds to import, and most often there is nothing to publish:
# what needs them is imported where it is needed


def publish(made: RunManifest, target: Store) -> str:
    """Publish what is missing and mark what is current.

    Returns
    -------
    str
        What was done.
    """
    from tqdm import tqdm

    from counterpoise.tracking import items
    from counterpoise.tracking.publisher import Publisher
    from counterpoise.tracking.runs import COMPARISON

    publisher = Publisher(store=target, dataset=made.dataset, wanted=made.wanted, made=made.made.at)
    names = {key: name for name, key in made.keys.items()} | {made.comparison: COMPARISON}
    with publisher.opened() as found:
        publisher.remove(found)
        if found.publish:
            results = items.results(made.dataset, made.params)
            for key in tqdm(found.publish, desc=f"track {made.dataset}", unit="run", disable=None):
                # the comparison, and a cell without rows to be fitted on, are of whoever ran
                # `evaluate`
                origin = results.measured.made.get(names[key], made.made)
                publisher.publish(
                    names[key], key, content(made, results, names[key], origin), origin.at
                )
        # without anything to do there was no turn to wait for, and another may be writing by now
        last = found if found.empty else publisher.settle()
    counts = {
        "published": len(found.publish),
        "unfinished or doubled removed": len(found.remove) + len(last.remove),
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
            f"\n  current are newer results there, made {at} (the tags of the run `comparison` say"
            " by whom)"
        )
    return message


def content(made: RunManifest, results: Results, name: str, origin: Origin) -> Iterator[Item]:
    """All that the run of a cell or of the comparison holds."""
    from counterpoise.core.revision import UNKNOWN, revision
    from counterpoise.tracking import items
    from counterpoise.tracking.items import Tag
    from counterpoise.tracking.runs import COMPARISON

    yield from items.items(results, name)
    if name == COMPARISON:
        yield items.cells(made.keys)
    yield items.dataset_input(results, made.data_md5)
    tags = {
        "made_by": origin.by,
        "mlflow.user": origin.by,
        "git_branch": revision().branch,
        "git_commit": origin.commit,
        "git_dirty": origin.dirty,
        "mlflow.source.name": f"python -m stages.track {made.dataset}",
        "data_md5": made.data_md5,
        "requirements_lock": made.requirements,
    }
    if origin.at:
        tags["made_at"] = f"{_time(origin.at):%Y-%m-%dT%H:%M:%SZ}"
    if origin.commit != UNKNOWN:
        tags["mlflow.source.git.commit"] = origin.commit
    for tag, value in tags.items():
        yield Tag(tag, value)


def _time(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
