"""The plan of a publisher: which runs to publish, to mark and to remove.

One publisher at a time writes the runs of a dataset (`counterpoise.tracking.turn`). The plan
depends only on the runs in the store and the wanted keys, so that a publisher continues where a
killed one stopped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

KEY, CURRENT, KIND, PUBLISHED, MADE = "cell_key", "current", "kind", "published_ms", "made_ms"
"""The tags that a plan is made from; times are milliseconds since 1970."""

VERDICT = "verdict"
"""The tag of a current run with the verdict on its combination."""

COMBINATION = "combination"
"""The kind of the run of one combination."""

COMPARISON = "comparison"
"""The kind of the run that compares all combinations; it is published last, after their runs."""

FINISHED = "FINISHED"


@dataclass(frozen=True)
class RunRecord:
    """One of our runs in a store: it has a key and is not deleted.

    Attributes
    ----------
    run_id, key, status, kind : str
        MLflow's id and status, and the run's tags.
    current : bool
        Whether it shows the current results.
    published : int
        When its publisher began to write it, in milliseconds since 1970.
    made : int
        When its results were made, in milliseconds since 1970.
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
        """Make a record of a run's fields in a store.

        Parameters
        ----------
        run_id, status : str
            MLflow's id and status.
        started : int
            MLflow's start time, in milliseconds since 1970. It stands in for missing time tags.
        tags : mapping of str to str or None
            The run's tags; the key is among them.

        Returns
        -------
        RunRecord
        """
        published, made = (
            int(text) if (text := tags.get(name) or "").isdecimal() else started
            for name in (PUBLISHED, MADE)
        )
        current = tags.get(CURRENT) == "true"
        return cls(run_id, tags[KEY] or "", status, current, published, tags.get(KIND) or "", made)


@dataclass(frozen=True)
class Plan:
    """The changes that bring a store to the wanted state.

    Attributes
    ----------
    publish : tuple of str
        Keys of missing runs.
    remove, mark, unmark : tuple of str
        Ids of runs to delete, to mark as current (the comparison last) and to mark as not current.
    """

    publish: tuple[str, ...]
    remove: tuple[str, ...]
    mark: tuple[str, ...]
    unmark: tuple[str, ...]

    @property
    def empty(self) -> bool:
        """Whether there is nothing to do.

        Returns
        -------
        bool
        """
        return not (self.publish or self.remove or self.mark or self.unmark)


def plan(
    records: Sequence[RunRecord], wanted: Sequence[str], current: Sequence[str] | None = None
) -> Plan:
    """Compare the runs in a store with the wanted keys.

    An unfinished run is removed, since its publisher was killed: no other one writes now. Of the
    finished runs with the same key, the one begun first stays; of equal times, the smallest id.

    Parameters
    ----------
    records : sequence of RunRecord
        Our runs in the store.
    wanted : sequence of str
        The keys of the runs that should be in the store.
    current : sequence of str, optional
        The keys of the runs to mark as current, by default the wanted ones.

    Returns
    -------
    Plan
    """
    kept: dict[str, RunRecord] = {}
    remove = []
    for run in sorted(records, key=lambda run: (run.published, run.run_id)):
        if run.status == FINISHED and run.key not in kept:
            kept[run.key] = run
        else:
            remove.append(run.run_id)
    marked = list(wanted if current is None else current)
    return Plan(
        publish=tuple(key for key in wanted if key not in kept),
        remove=tuple(remove),
        mark=tuple(kept[key].run_id for key in marked if key in kept and not kept[key].current),
        unmark=tuple(run.run_id for key, run in kept.items() if key not in marked and run.current),
    )


def newest_first(records: Sequence[RunRecord]) -> list[RunRecord]:
    """Sort the finished comparisons by the time of their results, newest first.

    On a shared server, the combinations of the first one are current. The time of publication does
    not count: results made earlier without a network must not replace newer ones.

    Parameters
    ----------
    records : sequence of RunRecord

    Returns
    -------
    list of RunRecord
    """
    finished = [run for run in records if run.kind == COMPARISON and run.status == FINISHED]
    return sorted(
        finished, key=lambda run: (run.made, run.key, -run.published, run.run_id), reverse=True
    )
