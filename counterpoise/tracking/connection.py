"""A connection to an MLflow store, and the messages for a store that cannot be used."""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from counterpoise.core.addresses import masked
from counterpoise.core.errors import CounterpoiseError, StorageError
from counterpoise.tracking.sqlite_index import damage
from counterpoise.tracking.store import VARIABLE, Store, address, unusable
from counterpoise.tracking.turn import WAIT_SECONDS

SETTINGS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    # an unreachable server is reported within half a minute; MLflow's defaults take many minutes
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
}
"""MLflow's settings where the user's environment has none."""

BUSY_SERVER_SETTINGS = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "4", "MLFLOW_HTTP_REQUEST_TIMEOUT": "60"}
"""Settings once a server has answered: several publishers at once may keep it busy."""

KIND = {"mlflow.experimentKind": "custom_model_development"}
"""The kind of experiment for MLflow's pages: model training, not traces of an application."""

REFUSALS = (
    (
        "error code 401",
        "a user name and a password that the server takes",
        (
            "correct MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD (in the environment,"
            " never in a file that git has)."
        ),
    ),
    (
        "Invalid Host header",
        "a name under which the server wants to be reached",
        (
            "add the host and port of this address to ALLOWED_HOSTS in the server's settings"
            " (`--allowed-hosts` of mlflow)."
        ),
    ),
    (
        "error code 403",
        "a user who may write the runs of this experiment, and remove half-written ones",
        "ask the server's administrator for the permission MANAGE.",
    ),
    (
        "CERTIFICATE_VERIFY_FAILED",
        "a certificate that this machine trusts, for the host in the address",
        (
            "MLFLOW_TRACKING_SERVER_CERT_PATH names the certificate of a server, or of who signed"
            " it; ask its administrator."
        ),
    ),
)
"""A text in the server's refusal, what it expects, and what to do."""


DAMAGE = ("malformed", "not a database", "no such table", "no such column", "Could not decode")
"""Texts in errors about a damaged SQLite file."""


def imported() -> Any:
    """Import mlflow with `SETTINGS`, which it reads on import.

    Returns
    -------
    module
    """
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    import mlflow

    return mlflow


def create_database(database: Path, artifacts: str | None) -> None:
    """Create an SQLite store under a temporary name and move it into place when it is complete.

    Parameters
    ----------
    database : Path
        The file to create; its folder exists, and the caller holds its lock.
    artifacts : str or None
        The address of the artifacts.
    """
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    # remove what killed processes left: SQLite would apply an old journal to the new database
    beside = (database.with_name(f"{database.name}-{kind}") for kind in ("journal", "wal", "shm"))
    for left in (*beside, *database.parent.glob(f"{database.name}.*.part*")):
        left.unlink(missing_ok=True)
    part = database.with_name(f"{database.name}.{os.getpid()}.part")
    SqlAlchemyStore(address(part), artifacts).engine.dispose()
    with closing(sqlite3.connect(part)) as connection:
        # write-ahead logging would leave content in a second file, which replace() does not move
        connection.execute("PRAGMA journal_mode = DELETE")
    part.replace(database)


class Connection:
    """One dataset's experiment in one store.

    Parameters
    ----------
    store : Store
    dataset : str
        The experiment's name; it is created where it does not exist.

    Attributes
    ----------
    experiment : str
        MLflow's id of the experiment, once connected.

    Raises
    ------
    StorageError
        From every method, when the store cannot be reached or refuses.
    ConfigurationError
        From every method, when the address names no store that MLflow can open.
    """

    def __init__(self, *, store: Store, dataset: str) -> None:
        self.store, self.dataset = store, dataset
        self._client: Any = None
        self.experiment = ""

    @contextmanager
    def _connected(self) -> Iterator[None]:
        """Connect; an SQLite file stays locked meanwhile, so that one process uses it at a time."""
        with ExitStack() as lock:
            with self._failures():
                if self.store.database is not None:
                    self.store.database.parent.mkdir(parents=True, exist_ok=True)
                    lock.enter_context(
                        FileLock(f"{self.store.database}.lock", timeout=WAIT_SECONDS)
                    )
                self._connect()
            yield

    def _connect(self) -> None:
        # checked here: MLflow retries an unreadable file for two minutes, and uses an incomplete
        # database as it is
        database = self.store.database
        if database is not None and database.exists() and (problem := damage(database)):
            raise self._damaged(problem)
        mlflow = imported()
        import mlflow.store.db.utils as databases

        for name in ("mlflow", "alembic", "urllib3"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        if hasattr(databases, "MAX_RETRY_COUNT"):
            databases.MAX_RETRY_COUNT = 3
        if database is not None and not database.exists():
            create_database(database, self.store.artifacts("."))
        try:
            # both are named: MLflow would use a registry that was set earlier in this process
            self._client = mlflow.MlflowClient(
                tracking_uri=self.store.uri, registry_uri=self.store.uri
            )
        except ImportError as error:
            raise unusable(
                self.store.uri, f"{error}; install the driver of this database"
            ) from error
        except mlflow.tracking.registry.UnsupportedModelRegistryStoreURIException as error:
            raise unusable(self.store.uri, "no kind of store that MLflow knows") from error
        experiment = self._client.get_experiment_by_name(self.dataset)
        if experiment is None:
            try:
                self._client.create_experiment(
                    self.dataset, self.store.artifacts(self.dataset), KIND
                )
            except mlflow.exceptions.MlflowException as error:
                if error.error_code != "RESOURCE_ALREADY_EXISTS":  # created by another process
                    raise
            experiment = self._client.get_experiment_by_name(self.dataset)
        if experiment.lifecycle_stage != "active":
            try:
                self._client.restore_experiment(experiment.experiment_id)
            except mlflow.exceptions.MlflowException as error:
                if error.error_code != "RESOURCE_DOES_NOT_EXIST":  # restored by another process
                    raise
        self.experiment = experiment.experiment_id
        # the store answers; a setting is changed only where it is still ours
        for name, value in BUSY_SERVER_SETTINGS.items():
            if os.environ.get(name) == SETTINGS[name]:
                os.environ[name] = value

    @contextmanager
    def _failures(self) -> Iterator[None]:
        """Turn any error of the store, its driver or its artifact store into a `StorageError`.

        The results are complete without the store, so that callers may go on.
        """
        try:
            yield
        except CounterpoiseError:
            raise
        except Exception as error:
            raise self._failure(error) from error

    def _undone(self) -> tuple[str, str]:
        """The parts of a failure's message: what is not done, and what to do about it."""
        raise NotImplementedError

    def _failure(self, error: Exception) -> StorageError:
        what, todo = self._undone()
        expected, found = "an MLflow store that answers", short(error)
        todo = f"{todo} {VARIABLE} names the store."
        if self.store.database is not None and any(sign in str(error) for sign in DAMAGE):
            return self._damaged(found)
        if isinstance(error, Timeout):
            found = f"another process has held {self.store.database}.lock for {WAIT_SECONDS:.0f} s"
        elif "out-of-date database schema" in str(error) or "Can't locate revision" in str(error):
            expected, found = (
                f"a database of this MLflow ({_version()})",
                "one that another version of MLflow made",
            )
            todo = (
                f"if an older MLflow made it: copy it, then `mlflow db upgrade {self.store.shown}`;"
                " if a newer one did, install that, or name another and `dvc repro"
                f" track@{self.dataset}` fills it."
            )
        for sign, wanted, way_out in REFUSALS:
            if sign in str(error):
                expected, todo = wanted, f"{way_out} {todo[0].upper()}{todo[1:]}"
                break
        return StorageError(what, where=self.store.shown, expected=expected, found=found, todo=todo)

    def _damaged(self, found: str) -> StorageError:
        return StorageError(
            f"{self._undone()[0]} The database is damaged.",
            where=str(self.store.database),
            expected="a database that MLflow made",
            found=found,
            todo=(
                f"`rm {self.store.database}`, and `dvc repro track@{self.dataset}` fills a new one:"
                " the results are complete without it (a champion in it has to be promoted again)."
                f" Or name another in {VARIABLE}."
            ),
        )


def _version() -> str:
    from importlib.metadata import version

    return version("mlflow")


def short(error: Exception) -> str:
    """Shorten an error to one line for a message.

    Parameters
    ----------
    error : Exception

    Returns
    -------
    str
        The type and the innermost reason, at most 400 characters, with user and password masked.
    """
    text = " ".join(str(error).split())
    reason = masked(
        text.rpartition("(Caused by ")[2].removesuffix(")") if "(Caused by " in text else text
    )
    return f"{type(error).__name__}: {reason if len(reason) <= 400 else reason[:397] + '...'}"
