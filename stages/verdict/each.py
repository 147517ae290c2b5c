"""What a function gives of each of several jobs, worked on side by side and on one thread each, in their order."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import TypeVar

from tqdm import tqdm

from stages import pool
from stages.pool import Killed

Job = TypeVar("Job")
Result = TypeVar("Result")


def each(
    do: Callable[[Job], Result],
    jobs: Sequence[Job],
    kind: Callable[[Job], Hashable],
    *,
    small: bool,
    label: str,
    unit: str,
) -> list[Result]:
    """Do all jobs, with a bar. With several threads a sum would depend on how many they are.

    Parameters
    ----------
    kind : callable of a job
        What tells how long it takes; see `Pool.done`.
    small : bool
        Whether as many of them as there are cores have room in memory at once; else they are done one after the other.
    """
    from threadpoolctl import threadpool_limits

    def alone(at: int) -> Result:
        with threadpool_limits(1):
            return do(jobs[at])

    places = range(len(jobs))
    done = (
        pool.side_by_side(alone, places, kind=lambda at: kind(jobs[at]), sendable=False)
        if small
        else ((at, alone(at)) for at in places)
    )
    made: dict[int, Result] = {}
    for at, found in tqdm(done, total=len(places), desc=label, unit=unit, disable=None):
        made[at] = alone(at) if isinstance(found, Killed) else found
    return [made[at] for at in places]
