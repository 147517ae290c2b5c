"""Publish runs to MLflow: write the missing ones, and remove duplicate and unfinished ones."""

from __future__ import annotations

import json
import tempfile
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from counterpoise.tracking import advised_model, saved_view, sqlite_index
from counterpoise.tracking.connection import Connection
from counterpoise.tracking.items import (
    CELLS,
    NOTE,
    Artifact,
    Image,
    Input,
    Item,
    Metric,
    Param,
    TableItem,
    Tag,
)
from counterpoise.tracking.runs import (
    CURRENT,
    FINISHED,
    KEY,
    MADE,
    PUBLISHED,
    VERDICT,
    Plan,
    RunRecord,
    newest_first,
    plan,
)
from counterpoise.tracking.store import Store
from counterpoise.tracking.turn import TAG, Turn

RUNS_PER_PAGE = 500
"""Runs that one query returns at most."""

METRICS_PER_REQUEST, OTHERS_PER_REQUEST = 800, 100
"""Items: MLflow takes 100 parameters, 100 tags and 1,000 items in all."""

THUMBNAIL_PIXELS = 256
"""Width and height at which MLflow's chart view shows an image."""

MAX_PARAM_CHARACTERS, MAX_TAG_CHARACTERS = 6000, 8000
"""What MLflow keeps of a value; it cuts the rest off without a word."""


class Publisher(Connection):
    """The runs of one dataset in one store.

    Parameters
    ----------
    store : Store
        Where the runs belong.
    dataset : str
        The experiment's name.
    wanted : sequence of str
        The keys of the runs that should be in the store, the comparison last.
    made : int
        When these results were made, in milliseconds since 1970; 0 where it is not known.

    Attributes
    ----------
    missing : int
        How many wanted runs are not known to be in the store.
    newer : RunRecord or None
        The comparison of newer results on a server, whose combinations stay the current ones.

    Raises
    ------
    StorageError, ConfigurationError
        As in `Connection`.
    """

    def __init__(self, *, store: Store, dataset: str, wanted: Sequence[str], made: int) -> None:
        super().__init__(store=store, dataset=dataset)
        self.wanted, self.made, self.missing = tuple(wanted), made, len(wanted)
        self.newer: RunRecord | None = None
        self._turn = Turn(self._publisher_tag, self._set_publisher_tag)
        self._planned = False

    @contextmanager
    def opened(self) -> Iterator[Plan]:
        """Connect, and wait for the turn to write where there is anything to do.

        Yields
        ------
        Plan
            What to do. It is made anew after the wait: another publisher may have done some of it.

        Raises
        ------
        StorageError, ConfigurationError
            As in `Connection`; also when another publisher keeps the turn for too long.
        """
        with self._connected():
            changes = self._plan()
            # an SQLite file is locked already, and needs no turn
            if changes.empty or self.store.database is not None:
                yield changes
                return
            with ExitStack() as turn:
                with self._failures():
                    turn.enter_context(self._turn.taken())
                yield self._plan()

    def publish(
        self, name: str, key: str, items: Iterable[Item], made: int, fitted: tuple[int, float]
    ) -> None:
        """Write one run; it is finished only when it is complete, and `settle` makes it current.

        Parameters
        ----------
        name : str
            The run's name.
        key : str
            The run's key (`RunManifest.keys`).
        items : iterable of Item
            The run's content.
        made : int
            When its results were made, in milliseconds since 1970; 0 where it is not known.
        fitted : tuple of int and float
            When its fits began, in milliseconds since 1970, and the seconds that they took: the
            start and the duration that MLflow shows. 0 where the start is not known.

        Raises
        ------
        StorageError
            When the store cannot be reached or refuses.
        """
        from mlflow import entities

        content = list(items)
        begun = int(time.time() * 1000)
        at = made or begun
        metrics = [
            entities.Metric(one.name, one.value, at, one.step)
            for one in content
            if isinstance(one, Metric)
        ]
        params = [
            entities.Param(one.name, fitting(one.value, MAX_PARAM_CHARACTERS))
            for one in content
            if isinstance(one, Param)
        ]
        tags = [
            entities.RunTag(one.name, fitting(one.value, MAX_TAG_CHARACTERS))
            for one in content
            if isinstance(one, Tag)
        ]
        tags += [entities.RunTag(name, value) for name, value in logged_tags(content).items()]
        inputs = [_dataset_input(one) for one in content if isinstance(one, Input)]
        with self._failures(), tempfile.TemporaryDirectory(prefix="counterpoise-") as folder:
            write_files(Path(folder), content, begun)
            # in the same request as the run, so that an unfinished run can be recognised
            known = {KEY: key, CURRENT: "false", PUBLISHED: str(begun), MADE: str(made)}
            start = fitted[0] or begun
            run = self._client.create_run(
                self.experiment, start_time=start, tags=known, run_name=name
            ).info.run_id
            while metrics or params or tags:
                self._client.log_batch(
                    run,
                    metrics[:METRICS_PER_REQUEST],
                    params[:OTHERS_PER_REQUEST],
                    tags[:OTHERS_PER_REQUEST],
                )
                del (
                    metrics[:METRICS_PER_REQUEST],
                    params[:OTHERS_PER_REQUEST],
                    tags[:OTHERS_PER_REQUEST],
                )
            if inputs:
                self._client.log_inputs(run, inputs)
            if any(Path(folder).iterdir()):
                self._client.log_artifacts(run, folder)
            advised_model.log(self._client, self.experiment, run, name, key, self.dataset)
            end = start + max(1, round(1000 * fitted[1]))
            self._client.set_terminated(run, FINISHED, end_time=end)
            if self.store.database is None:
                self._turn.renew()
        self.missing -= 1

    def settle(self, verdicts: Mapping[str, str], note: str, rules: list[str]) -> Plan:
        """Remove duplicate runs, and mark only the runs of the newest results as current.

        A verdict depends on the other combinations, so that it is a tag of current runs alone and
        set anew. The comparison is marked last: where it is current, all else is done.

        An SQLite file belongs to one person and shows the working tree. On a server the results
        made last are current, and a publisher of older results leaves them so.

        Parameters
        ----------
        verdicts : mapping of key to str
            The verdicts on combinations, by the keys of their runs.
        note : str
            The experiment's description.
        rules : list of str
            The threshold rules that have confusion matrices.

        Returns
        -------
        Plan
            What was done.

        Raises
        ------
        StorageError
            When the store cannot be reached or refuses.
        """
        changes = self._plan()
        self.remove(changes)
        if changes.empty:
            return changes
        with self._failures():
            for run in changes.unmark:
                self._client.set_tag(run, CURRENT, "false")
                if self._client.get_run(run).data.tags.get(VERDICT):
                    self._client.delete_tag(run, VERDICT)
            if self.newer is None:  # else the publisher of the newer results has set these
                for record in self._records():
                    if record.key in verdicts:
                        self._client.set_tag(record.run_id, VERDICT, verdicts[record.key])
                view = saved_view.content(rules, int(time.time() * 1000))
                for tag, value in ((NOTE, note), (saved_view.TAG, view)):
                    self._client.set_experiment_tag(self.experiment, tag, value)
            for run in changes.mark:
                self._client.set_tag(run, CURRENT, "true")
        return changes

    def remove(self, changes: Plan) -> None:
        """Remove the unfinished and duplicate runs of a plan.

        Parameters
        ----------
        changes : Plan

        Raises
        ------
        StorageError
            When the store cannot be reached or refuses.
        """
        with self._failures():
            for run in changes.remove:
                self._client.delete_run(run)

    def _plan(self) -> Plan:
        with self._failures():
            records = self._records()
            self.newer = self._newer(records)
            changes = plan(
                records, self.wanted, None if self.newer is None else self._cells_of(self.newer)
            )
        self._planned, self.missing = True, len(changes.publish)
        return changes

    def _newer(self, records: list[RunRecord]) -> RunRecord | None:
        """The comparison of newer results; None where these are the newest, or for SQLite."""
        if self.store.database is not None:
            return None
        mine = self.wanted[-1]
        for at, run in enumerate(records):
            if run.key == mine and run.status == FINISHED and run.made < self.made:
                # the same results were made again, after others: the run takes the later time
                self._client.set_tag(run.run_id, MADE, str(self.made))
                records[at] = replace(run, made=self.made)
        for run in newest_first(records):
            if run.key == mine or run.made < self.made:
                return None
            if self._cells_of(run):
                return run
        return None

    def _cells_of(self, comparison: RunRecord) -> tuple[str, ...]:
        """The keys of a comparison's runs and its own; none if it was written without `CELLS`."""
        if CELLS not in {entry.path for entry in self._client.list_artifacts(comparison.run_id)}:
            return ()
        with tempfile.TemporaryDirectory(prefix="counterpoise-") as folder:
            path = self._client.download_artifacts(comparison.run_id, CELLS, folder)
            cells = json.loads(Path(path).read_text(encoding="utf-8"))
        return (*cells.values(), comparison.key)

    def _records(self) -> list[RunRecord]:
        """Our runs; runs that a person made in the same experiment have no key, and are ignored."""
        if self.store.database is not None:  # faster: MLflow would read all metrics of all runs
            return sqlite_index.records(self.store.database, self.dataset)
        records: dict[
            str, RunRecord
        ] = {}  # by id: a run begun between two pages moves another to the next, which repeats it
        token = None
        while True:
            page = self._client.search_runs(
                [self.experiment], f"tags.{KEY} != ''", max_results=RUNS_PER_PAGE, page_token=token
            )
            for run in page:
                info = run.info
                records[info.run_id] = RunRecord.of(
                    info.run_id, info.status, info.start_time or 0, run.data.tags
                )
            token = page.token
            if not token:
                return list(records.values())

    def _publisher_tag(self) -> str:
        return str(self._client.get_experiment(self.experiment).tags.get(TAG, ""))

    def _set_publisher_tag(self, value: str) -> None:
        from mlflow.exceptions import MlflowException

        try:
            self._client.set_experiment_tag(self.experiment, TAG, value)
        except MlflowException as error:
            # two publishers set it for the first time, and the server's database refused one
            if "UniqueViolation" not in str(error):
                raise

    def _undone(self) -> tuple[str, str]:
        what = f"The {len(self.wanted)} runs of {self.dataset} could not be published."
        if self._planned:
            what = (
                f"{self.missing} of the {len(self.wanted)} runs of {self.dataset} are not"
                " published."
            )
        if not self.missing:
            what = (
                f"The runs of {self.dataset} are published, but which of them are current could not"
                " be settled."
            )
        return (
            what,
            (
                "nothing is lost, the results do not need it: once the store answers, `dvc repro"
                f" track@{self.dataset}` completes it. COUNTERPOISE_TRACK_STRICT=1 makes this a"
                " failure, and"
            ),
        )


def fitting(text: str, most: int) -> str:
    """Cut a text to the length that MLflow keeps, and say so in it.

    Parameters
    ----------
    text : str
    most : int
        Characters.

    Returns
    -------
    str
    """
    if len(text) <= most:
        return text
    note = f"... (cut from {len(text):,} characters)"
    return text[: most - len(note)] + note


def write_files(folder: Path, content: Iterable[Item], at: int) -> None:
    """Write the files of a run, as MLflow's `log_image` and `log_table` would.

    Those two make several requests for each image and table, which triples the time of publishing.

    Parameters
    ----------
    folder : Path
        An empty folder.
    content : iterable of Item
    at : int
        Milliseconds since 1970, in the names of images.
    """
    images = folder / "images"
    for item in content:
        if isinstance(item, Artifact):
            (folder / item.name).write_bytes(item.content)
        elif isinstance(item, TableItem):
            item.frame.to_json(folder / item.name, orient="split", index=False)
        elif isinstance(item, Image):
            images.mkdir(exist_ok=True)
            name = f"{item.name.replace('/', '~')}+step+0+timestamp+{at}+{uuid.uuid4()}"
            item.picture.save(images / f"{name}.png", compress_level=3)
            # the quick filter and method: there are hundreds of thumbnails
            small = item.picture.reduce(item.picture.width // THUMBNAIL_PIXELS)
            small.save(images / f"{name}+compressed.webp", method=1)


def logged_tags(content: Iterable[Item]) -> dict[str, str]:
    """The tags by which MLflow's pages know that a run has images and tables.

    Parameters
    ----------
    content : iterable of Item

    Returns
    -------
    dict of str to str
    """
    tables = [
        {"path": item.name, "type": "table"} for item in content if isinstance(item, TableItem)
    ]
    tags = {"mlflow.loggedArtifacts": json.dumps(tables)} if tables else {}
    images = any(isinstance(item, Image) for item in content)
    return tags | ({"mlflow.loggedImages": "True"} if images else {})


def _dataset_input(one: Input) -> Any:
    from mlflow import entities

    source = json.dumps({"uri": one.source})
    dataset = entities.Dataset(one.name, one.digest, "local", source, profile=one.profile)
    return entities.DatasetInput(dataset, [entities.InputTag("mlflow.data.context", "evaluation")])
