"""The MLflow store: the one that MLFLOW_TRACKING_URI names, or mlflow.db in the repository."""

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
        The address in MLflow's notation.
    database : Path or None
        The file of an SQLite store, beside which the artifacts are kept. None for other stores,
        where the server decides about artifacts.
    """

    uri: str
    database: Path | None = None

    @property
    def shown(self) -> str:
        """The address for messages.

        Returns
        -------
        str
            With user and password masked.
        """
        return masked(self.uri)

    def artifacts(self, dataset: str) -> str | None:
        """The address of a new experiment's artifacts.

        Parameters
        ----------
        dataset : str
            The experiment's name.

        Returns
        -------
        str or None
            None where the server decides.
        """
        return (
            None if self.database is None else (self.database.parent / ARTIFACTS / dataset).as_uri()
        )


def address(database: Path) -> str:
    """The address of an SQLite file.

    Parameters
    ----------
    database : Path

    Returns
    -------
    str
        With `%` and `?` escaped: in an address, `?` begins options and `%` an escaped character.
    """
    return SQLITE + database.as_posix().replace("%", "%25").replace("?", "%3F")


def chosen(environment: Mapping[str, str]) -> Store:
    """Choose the store that the environment names.

    Parameters
    ----------
    environment : mapping of str to str
        Environment variables.

    Returns
    -------
    Store

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
        wrong = "a folder or a word, and MLflow no longer keeps runs in folders"
    elif parts.scheme in ("http", "https") and not parts.hostname:
        wrong = "an address without a host"
    elif parts.scheme == "sqlite":
        wrong = "a database that is gone when the process ends"
    if wrong is not None:
        raise unusable(uri, wrong)
    return Store(uri)


def unusable(uri: str, problem: str) -> ConfigurationError:
    """The error for an address that names no usable store.

    Parameters
    ----------
    uri : str
        The address; user and password are masked in the message.
    problem : str
        What is wrong with it.

    Returns
    -------
    ConfigurationError
    """
    return ConfigurationError(
        f"{VARIABLE} names no store that can hold runs.",
        where=f"the environment variable {VARIABLE}",
        expected="http(s)://HOST:PORT of a tracking server, or sqlite:////PATH/mlflow.db",
        found=f"{masked(uri)!r}: {problem}",
        todo=(
            f"correct it, or unset it: then runs go to {paths.tracking_root() / DATABASE}. Every"
            " result is there already."
        ),
    )
