"""Which MLflow store is meant: the one that MLFLOW_TRACKING_URI names, or mlflow.db beside the
code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from counterpoise.core import paths
from counterpoise.core.addresses import masked
from counterpoise.core.errors import ConfigurationError

VARIABLE = "MLFLOW_TRACKING_URI"
DATABASE, ARTIFACTS = "mlflow.db", "mlartifacts"
SQLITE = "sqlite:///"


@dataclass(frozen=True)
class Store:
    """Where runs are published.

    Attributes
    ----------
    uri : str
        As MLflow takes it.
    database : Path or None
        The file, when the store is an SQLite database; artifacts then lie beside it. A server
        decides itself.
    """

    uri: str
    database: Path | None = None

    @property
    def shown(self) -> str:
        """The address with user and password masked, for messages."""
        return masked(self.uri)

    def artifacts(self, dataset: str) -> str | None:
        """The address of a new experiment's artifacts; None where the server decides."""
        return (
            None if self.database is None else (self.database.parent / ARTIFACTS / dataset).as_uri()
        )


def address(database: Path) -> str:
    """The address of an SQLite file, in which `?` would begin the options and `%` escapes a
    letter."""
    return SQLITE + database.as_posix().replace("%", "%25").replace("?", "%3F")


def chosen(environment: Mapping[str, str]) -> Store:
    """The store that the environment names.

    Raises
    ------
    ConfigurationError
        When MLFLOW_TRACKING_URI names no store that can hold runs.
    """
    uri = environment.get(VARIABLE, "").strip()
    if not uri:
        database = paths.tracking_root() / DATABASE
        return Store(address(database), database)
    if uri.startswith(SQLITE) and ":memory:" not in uri:
        return Store(uri, Path(unquote(uri.removeprefix(SQLITE).split("?")[0])).absolute())
    parts = urlsplit(uri)
    wrong = None
    if uri != "databricks" and ("://" not in uri or parts.scheme == "file"):
        wrong = "a folder or a word, and MLflow keeps runs in folders no longer"
    elif parts.scheme in ("http", "https") and not parts.hostname:
        wrong = "an address without a host"
    elif parts.scheme == "sqlite":
        wrong = "a database that is gone when the process ends"
    if wrong is not None:
        raise unusable(uri, wrong)
    return Store(uri)


def unusable(uri: str, found: str) -> ConfigurationError:
    return ConfigurationError(
        f"{VARIABLE} names no store that can hold runs.",
        where=f"the environment variable {VARIABLE}",
        expected="http(s)://HOST:PORT of a tracking server, or sqlite:////PATH/mlflow.db",
        found=f"{masked(uri)!r}: {found}",
        todo=(
            f"mend it, or unset it: then runs go to {paths.tracking_root() / DATABASE}. Every"
            " result is there already."
        ),
    )
