"""A connection to an MLflow store: how it is opened, and what is told where it cannot be used."""

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
    # A server that does not answer is said within half a minute; MLflow's own settings take many.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
}
"""How MLflow is to behave where the user's environment does not say."""

PATIENT = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "4", "MLFLOW_HTTP_REQUEST_TIMEOUT": "60"}
"""The same once a server has answered: several publishers at once keep it busy."""

KIND = {"mlflow.experimentKind": "custom_model_development"}
"""The kind of experiment, as MLflow's pages know it: models that are trained, not the traces of an
application."""

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
"""What a server that refuses says, what it wants, and the way out."""


DAMAGE = ("malformed", "not a database", "no such table", "no such column", "Could not decode")
"""What is said of an SQLite file that is damaged."""


def imported() -> Any:
    """The module mlflow, told how to behave before it is imported."""
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    import mlflow

    return mlflow


def make_whole(database: Path, artifacts: str | None) -> None:
    """Make a new SQLite store beside its place and move it there, so that it is whole or not there
    at all."""
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    # what killed processes left: SQLite would take the journal of a database that is gone for that
    # of the new one
    beside = (database.with_name(f"{database.name}-{kind}") for kind in ("journal", "wal", "shm"))
    for left in (*beside, *database.parent.glob(f"{database.name}.*.part*")):
        left.unlink(missing_ok=True)
    part = database.with_name(f"{database.name}.{os.getpid()}.part")
    SqlAlchemyStore(address(part), artifacts).engine.dispose()
    with closing(sqlite3.connect(part)) as connection:
        # nothing of it is left in a file beside it
        connection.execute("PRAGMA journal_mode = DELETE")
    part.replace(database)


class Connection:
    """One dataset's experiment in one store.

    Parameters
    ----------
    store : Store
    dataset : str
        The experiment's name; it is made where there is none.

    Raises
    ------
    StorageError
        From every method, when the store cannot be reached or refuses.
    ConfigurationError
        When there can be no such store.
    """

    def __init__(self, *, store: Store, dataset: str) -> None:
        self.store, self.dataset = store, dataset
        self._client: Any = None
        self._experiment = ""

    @contextmanager
    def _connected(self) -> Iterator[None]:
        """Connect. An SQLite file has one user at a time."""
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
        # MLflow tries for two minutes to open a file that cannot be opened, and goes on with one
        # that is half made
        database = self.store.database
        if database is not None and database.exists() and (found := damage(database)):
            raise self._damaged(found)
        mlflow = imported()
        import mlflow.store.db.utils as databases

        for name in ("mlflow", "alembic", "urllib3"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        if hasattr(databases, "MAX_RETRY_COUNT"):
            databases.MAX_RETRY_COUNT = 3
        if database is not None and not database.exists():
            make_whole(database, self.store.artifacts("."))
        try:
            # named both: MLflow remembers a registry that it was told of before in the same process
            self._client = mlflow.MlflowClient(
                tracking_uri=self.store.uri, registry_uri=self.store.uri
            )
        except ImportError as error:
            raise unusable(
                self.store.uri, f"{error}; install the driver of this database"
            ) from error
        except mlflow.tracking.registry.UnsupportedModelRegistryStoreURIException as error:
            raise unusable(self.store.uri, "no kind of store that MLflow knows") from error
        found = self._client.get_experiment_by_name(self.dataset)
        if found is None:
            try:
                self._client.create_experiment(
                    self.dataset, self.store.artifacts(self.dataset), KIND
                )
            except mlflow.exceptions.MlflowException as error:
                if error.error_code != "RESOURCE_ALREADY_EXISTS":  # somebody else was faster
                    raise
            found = self._client.get_experiment_by_name(self.dataset)
        if found.lifecycle_stage != "active":
            try:
                self._client.restore_experiment(found.experiment_id)
            except mlflow.exceptions.MlflowException as error:
                if error.error_code != "RESOURCE_DOES_NOT_EXIST":  # somebody else was faster
                    raise
        self._experiment = found.experiment_id
        for name, value in PATIENT.items():  # it answers: from here on it may be busy
            if os.environ.get(name) == SETTINGS[name]:
                os.environ[name] = value

    @contextmanager
    def _failures(self) -> Iterator[None]:
        """Whatever a store, its driver or its artifacts' store raises: the results are complete
        without it."""
        try:
            yield
        except CounterpoiseError:
            raise
        except Exception as error:
            raise self._failure(error) from error

    def _undone(self) -> tuple[str, str]:
        """What is not done where the store fails, and what is to be done once it works again."""
        raise NotImplementedError

    def _failure(self, error: Exception) -> StorageError:
        what, todo = self._undone()
        expected, found = "an MLflow store that answers", short(error)
        todo = f"{todo} {VARIABLE} says which store."
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
                f" Or name another; {VARIABLE} says which."
            ),
        )


def _version() -> str:
    from importlib.metadata import version

    return version("mlflow")


def short(error: Exception) -> str:
    """The error in one line: its innermost reason, without passwords."""
    text = " ".join(str(error).split())
    reason = masked(
        text.rpartition("(Caused by ")[2].removesuffix(")") if "(Caused by " in text else text
    )
    return f"{type(error).__name__}: {reason if len(reason) <= 400 else reason[:397] + '...'}"
