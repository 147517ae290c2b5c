"""What `track` and `show` print: a dataset's answer, and where to look and what to do next."""

from __future__ import annotations

import shlex
from pathlib import Path

from counterpoise.core import paths
from counterpoise.tracking import saved_view, sqlite_index
from counterpoise.tracking.manifest import RunManifest
from counterpoise.tracking.store import Store

LOCAL = "http://127.0.0.1:5000"
"""Where `mlflow ui` serves its pages."""


def terminal_summary(made: RunManifest, store: Store, experiment: str | None) -> str:
    """The answer of a dataset, its page, its runs, and the command that promotes it.

    Parameters
    ----------
    made : RunManifest
        The manifest of the dataset's results.
    store : Store
        Where the runs are.
    experiment : str or None
        MLflow's id of the dataset's experiment; None where it is not known.

    Returns
    -------
    str
        Several lines, the dataset's name first.
    """
    lines = [f"  {line}" for line in made.answer[1:]]
    page = paths.page(made.dataset)
    where = [f"page     {page}"] if page.is_file() else []
    if store.database is not None:
        uri = store.uri if store.database != Path.cwd() / store.database.name else _short(store)
        where.append(f"runs     mlflow ui --backend-store-uri {shlex.quote(uri)}")
    address = LOCAL if store.database is not None else store.shown
    if experiment is not None:
        where.append(f"         {saved_view.link(address, experiment)}")
    where.append(f"use it   python -m counterpoise promote {made.dataset}")
    head = f"\n{made.dataset}: {made.answer[0]}" if made.answer else f"\n{made.dataset}:"
    return "\n".join([head, *lines, *(f"  {line}" for line in where)])


def _short(store: Store) -> str:
    """The address of a database in the working directory."""
    assert store.database is not None
    return f"sqlite:///{store.database.name}"


def experiment_of(made: RunManifest, store: Store) -> str | None:
    """MLflow's id of a dataset's experiment, read from an SQLite store without MLflow.

    Parameters
    ----------
    made : RunManifest
    store : Store

    Returns
    -------
    str or None
        None where there is none, and for a server.
    """
    if store.database is None or not store.database.is_file():
        return None
    return sqlite_index.experiment(store.database, made.dataset)
