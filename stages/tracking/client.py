"""The runs of `track` in MLflow: what is missing is written, what is doubled or left half-written removed."""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from stages.tracking.connection import Connection
from stages.tracking.items import CELLS, Artifact, Input, Item, Metric, Param, Tag
from stages.tracking.runs import (
    CURRENT,
    FINISHED,
    KEY,
    MADE,
    PUBLISHED,
    PUBLISHER,
    Plan,
    Seen,
    newest_first,
    plan,
    publisher,
    unattended,
)
from stages.tracking.store import Store

PAGE = 500
"""Runs that are asked for at a time."""

RECENT = 2.0
"""Seconds for which a look at the runs of a server tells what other publishers are at."""

ROUNDS = 20
"""Looks that a publisher takes at what others undo, before it leaves the rest to them."""

METRICS_AT_ONCE, OTHERS_AT_ONCE = 800, 100
"""MLflow takes 100 parameters, 100 tags and 1,000 items in all in one request."""


class Settled(NamedTuple):
    """What was done to the runs that were there.

    Attributes
    ----------
    newer : Seen or None
        The comparison of newer results, whose cells stay the current ones.
    lacking : tuple of str
        Wanted keys that the store turned out not to hold.
    """

    removed: int = 0
    marked: int = 0
    unmarked: int = 0
    newer: Seen | None = None
    lacking: tuple[str, ...] = ()

    def plus(self, one: Plan) -> Settled:
        return self._replace(removed=self.removed + len(one.remove), marked=self.marked + len(one.mark),
                             unmarked=self.unmarked + len(one.unmark))  # fmt: skip


class Publisher(Connection):
    """The runs of one dataset in one store.

    Parameters
    ----------
    store : Store
        Where the runs belong.
    dataset : str
        The experiment's name.
    wanted : sequence of str
        The keys of the runs that should be there, the comparison last.
    made : int
        When these results were made, in milliseconds since 1970.

    Attributes
    ----------
    missing : int
        How many of them are not known to be there.

    Raises
    ------
    StorageError, ConfigurationError
        As in `Connection`.
    """

    def __init__(self, *, store: Store, dataset: str, wanted: Sequence[str], made: int) -> None:
        super().__init__(store=store, dataset=dataset)
        self.wanted, self.made, self.missing = tuple(wanted), made, len(wanted)
        self._asked = False
        self._looked: tuple[float, list[Seen]] = 0.0, []

    @contextmanager
    def opened(self) -> Iterator[Plan]:
        """Connect, remove what killed publishers left behind, and say what is to be published."""
        with self._connected():
            with self._told():
                first = plan(self._seen(), self.wanted)
                self._asked, self.missing = True, len(first.publish)
                for run in first.remove:
                    self._remove(run)
                if self.store.database is None and first.publish:
                    # publishers who begin at once begin at different cells; the comparison is the last of all of them
                    *cells, last = first.publish
                    at = os.getpid() % max(len(cells), 1)
                    first = replace(first, publish=(*cells[at:], *cells[:at], last))
            yield first

    def taken(self, key: str) -> bool:
        """Whether another publisher has published a key since this one began, or is about to; told from a recent look."""
        if self.store.database is not None:
            return False
        with self._told():
            at, seen = self._looked
            if time.monotonic() - at > RECENT:
                seen = self._seen()
            return not unattended(seen, key)

    def lacking(self) -> tuple[str, ...]:
        """The wanted keys of which the store has no finished run, now."""
        with self._told():
            found = plan(self._seen(), self.wanted).publish
        self.missing = len(found)
        return found

    def publish(self, name: str, key: str, items: Iterable[Item], made: int) -> None:
        """Write one run; it is visible as finished only when all of it is there, and becomes current by `settle`.

        Parameters
        ----------
        made : int
            When the results that it shows were made: runs are listed in this order, whenever they are published.
        """
        from mlflow import entities

        content = list(items)
        at = made or int(time.time() * 1000)
        metrics = [entities.Metric(one.name, one.value, at, one.step) for one in content if isinstance(one, Metric)]
        params = [entities.Param(one.name, one.value) for one in content if isinstance(one, Param)]
        tags = [entities.RunTag(one.name, one.value) for one in content if isinstance(one, Tag)]
        inputs = [_dataset_input(one) for one in content if isinstance(one, Input)]
        with self._told(), tempfile.TemporaryDirectory(prefix="counterpoise-") as folder:
            for item in content:
                if isinstance(item, Artifact):
                    (Path(folder) / item.name).write_bytes(item.content)
            # the tags by which a half-written run is known come with the run itself
            begun = int(time.time() * 1000)
            known = {KEY: key, CURRENT: "false", PUBLISHER: publisher(), PUBLISHED: str(begun), MADE: str(made)}
            start = made or begun  # where nobody knows when they were made
            run = self._client.create_run(self._experiment, start_time=start, tags=known, run_name=name).info.run_id
            while metrics or params or tags:
                self._client.log_batch(run, metrics[:METRICS_AT_ONCE], params[:OTHERS_AT_ONCE], tags[:OTHERS_AT_ONCE])
                del metrics[:METRICS_AT_ONCE], params[:OTHERS_AT_ONCE], tags[:OTHERS_AT_ONCE]
            if inputs:
                self._inputs(run, inputs)
            if any(Path(folder).iterdir()):
                self._client.log_artifacts(run, folder)
            took = int(time.time() * 1000) - begun
            self._client.set_terminated(run, FINISHED, end_time=start + took)
        self.missing -= 1

    def settle(self) -> Settled:
        """Mark the runs of the newest results as current and no others, and remove copies that another publisher made.

        An SQLite file is one person's and shows the working tree. On a server the results made last are the current ones,
        and a publisher with older ones leaves them so. Whoever wrote looks again, until a look finds nothing to do.
        """
        done = Settled()
        with self._told():
            for _ in range(ROUNDS):
                seen = self._seen()
                newer = self._newer(seen)
                last = plan(seen, self.wanted, self.wanted if newer is None else self._cells_of(newer))
                done = done._replace(newer=newer, lacking=last.publish)
                if not (last.remove or last.mark or last.unmark):
                    break
                for run in last.remove:
                    self._remove(run)
                for run in last.mark:
                    self._set(run, CURRENT, "true")
                for run in last.unmark:
                    self._set(run, CURRENT, "false")
                done = done.plus(last)
        return done

    def _newer(self, seen: list[Seen]) -> Seen | None:
        """The comparison of newer results; None where these are the newest, or the store is one person's."""
        if self.store.database is not None:
            return None
        mine = self.wanted[-1]
        for at, run in enumerate(seen):
            if run.key == mine and run.status == FINISHED and run.made < self.made:
                self._set(run.run_id, MADE, str(self.made))  # the same results again, made after others
                seen[at] = replace(run, made=self.made)
        for run in newest_first(seen):
            if run.key == mine:
                return None
            if self._cells_of(run):
                return run
        return None

    def _cells_of(self, comparison: Seen) -> tuple[str, ...]:
        """The keys of a comparison's runs, its own among them; none where it does not tell, as older ones do not."""
        if CELLS not in {entry.path for entry in self._client.list_artifacts(comparison.run_id)}:
            return ()
        with tempfile.TemporaryDirectory(prefix="counterpoise-") as folder:
            path = self._client.download_artifacts(comparison.run_id, CELLS, folder)
            cells = json.loads(Path(path).read_text(encoding="utf-8"))
        return (*cells.values(), comparison.key)

    def _inputs(self, run: str, inputs: list[Any]) -> None:
        """Name the dataset; of several publishers who name a new one at once a database refuses all but the first."""
        from mlflow.exceptions import MlflowException

        for left in reversed(range(3)):
            try:
                self._client.log_inputs(run, inputs)
                break
            except MlflowException as error:
                if ("UniqueViolation" not in str(error) and "UNIQUE constraint" not in str(error)) or not left:
                    raise

    def _remove(self, run: str) -> None:
        with _unless_gone():
            self._client.delete_run(run)

    def _set(self, run: str, tag: str, value: str) -> None:
        with _unless_gone():
            self._client.set_tag(run, tag, value)

    def _seen(self) -> list[Seen]:
        """Our runs; those that a person made in the same experiment have no key and are left alone."""
        runs: dict[
            str, Seen
        ] = {}  # a run that somebody begins meanwhile moves the last one of a page to the next as well
        token = None
        while True:
            page = self._client.search_runs([self._experiment], f"tags.{KEY} != ''", max_results=PAGE, page_token=token)
            for run in page:
                info = run.info
                runs[info.run_id] = Seen.of(info.run_id, info.status, info.start_time or 0, run.data.tags)
            token = page.token
            if not token:
                self._looked = time.monotonic(), list(runs.values())
                return list(runs.values())

    def _undone(self) -> tuple[str, str]:
        what = f"The {len(self.wanted)} runs of {self.dataset} could not be published."
        if self._asked:
            what = f"{self.missing} of the {len(self.wanted)} runs of {self.dataset} are not published."
        if not self.missing:
            what = f"The runs of {self.dataset} are published, but which of them are current could not be settled."
        return what, (
            f"nothing is lost, the results do not need it: once the store answers, `dvc repro track@{self.dataset}` "
            "completes it. COUNTERPOISE_TRACK_STRICT=1 makes this a failure, and"
        )


@contextmanager
def _unless_gone() -> Iterator[None]:
    """Do something to a run, unless another publisher has removed it in the meantime."""
    from mlflow.exceptions import MlflowException

    try:
        yield
    except MlflowException as error:
        gone = error.error_code == "RESOURCE_DOES_NOT_EXIST" or "must be in" in str(error)
        if not gone:
            raise


def _dataset_input(one: Input) -> Any:
    from mlflow import entities

    source = json.dumps({"uri": one.source})
    dataset = entities.Dataset(one.name, one.digest, "local", source, profile=one.profile)
    return entities.DatasetInput(dataset, [entities.InputTag("mlflow.data.context", "evaluation")])
