"""Which runs a store should hold, against those it holds: what to publish, to mark and to remove.

One publisher at a time writes the runs of a dataset (`counterpoise.tracking.turn`). Everything here
is a function of the runs that are there and of nothing else, so that a publisher goes on where a
killed one stopped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

KEY, CURRENT, KIND, PUBLISHED, MADE = "cell_key", "current", "kind", "published_ms", "made_ms"
"""The tags that are read here; times are milliseconds since 1970."""

COMPARISON = "comparison"
"""The kind of the run that is published last, when all cells beside it are there."""

FINISHED = "FINISHED"


@dataclass(frozen=True)
class RunRecord:
    """A run of ours that a store holds: one with a key, not deleted.

    Attributes
    ----------
    published : int
        When its publisher began to write it.
    made : int
        When the results were made that it shows.
    """

    run_id: str
    key: str
    status: str
    current: bool
    published: int
    kind: str = ""
    made: int = 0

    @classmethod
    def of(
        cls, run_id: str, status: str, started: int, tags: Mapping[str, str | None]
    ) -> RunRecord:
        """A run as a store has it; one without times of ours has the time at which it started."""
        published, made = (
            int(text) if (text := tags.get(name) or "").isdecimal() else started
            for name in (PUBLISHED, MADE)
        )
        current = tags.get(CURRENT) == "true"
        return cls(run_id, tags[KEY] or "", status, current, published, tags.get(KIND) or "", made)


@dataclass(frozen=True)
class Plan:
    """What turns the runs that are there into those that should be there.

    Attributes
    ----------
    publish : tuple of str
        Keys.
    remove, mark, unmark : tuple of str
        Run ids.
    """

    publish: tuple[str, ...]
    remove: tuple[str, ...]
    mark: tuple[str, ...]
    unmark: tuple[str, ...]

    @property
    def empty(self) -> bool:
        return not (self.publish or self.remove or self.mark or self.unmark)


def plan(
    records: Sequence[RunRecord], wanted: Sequence[str], current: Sequence[str] | None = None
) -> Plan:
    """Compare the runs that are there with the keys that should be there.

    A run that is not finished is one that its publisher did not live to finish. Of the finished
    runs with the same key the one that was begun first stays, of those the one with the smallest
    id.

    Parameters
    ----------
    current : sequence of str, optional
        The keys whose runs are to be current, where these are not the wanted ones.
    """
    kept: dict[str, RunRecord] = {}
    remove = []
    for run in sorted(records, key=lambda run: (run.published, run.run_id)):
        if run.status == FINISHED and run.key not in kept:
            kept[run.key] = run
        else:
            remove.append(run.run_id)
    marked = set(wanted if current is None else current)
    return Plan(
        publish=tuple(key for key in wanted if key not in kept),
        remove=tuple(remove),
        mark=tuple(run.run_id for key, run in kept.items() if key in marked and not run.current),
        unmark=tuple(run.run_id for key, run in kept.items() if key not in marked and run.current),
    )


def newest_first(records: Sequence[RunRecord]) -> list[RunRecord]:
    """The comparisons by when their results were made: on a server that people share, the first
    one's cells are current.

    It does not matter when they were published, so that work done without a network takes nothing
    from newer work.
    """
    finished = [run for run in records if run.kind == COMPARISON and run.status == FINISHED]
    return sorted(
        finished, key=lambda run: (run.made, run.key, -run.published, run.run_id), reverse=True
    )
