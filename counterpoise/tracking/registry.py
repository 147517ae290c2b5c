"""MLflow's model registry: read the present champion of a dataset, and register another one."""

from __future__ import annotations

import logging
import os
import re
import shutil
import tempfile
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from counterpoise.champion.bundle import CHAMPION, Champion
from counterpoise.champion.estimators import FORMATS
from counterpoise.champion.schema import Schema
from counterpoise.core import environment, paths, yaml12
from counterpoise.core.errors import CounterpoiseError, ResultError, StorageError
from counterpoise.engine.fingerprint import closure
from counterpoise.tracking.connection import SETTINGS, Connection, short
from counterpoise.tracking.items import NOTE
from counterpoise.tracking.store import VARIABLE, Store

ALIAS = "champion"
LOADER = "counterpoise.tracking.pyfunc"
MODEL, CARD = "model", "model_card.md"
ABSENT = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")
"""MLflow's error codes where a model, a version or an alias does not exist."""
MAX_DESCRIPTION_CHARACTERS = 5000
"""Limit of a description; the whole card is a file of the run."""
SHARED = (
    "mlflow",
    "numpy",
    "pandas",
    "pyarrow",
    "pydantic",
    "ruamel-yaml",
    "scikit-learn",
    "scipy",
    "threadpoolctl",
)
"""Distributions that any champion needs to score."""


def name_of(dataset: str) -> str:
    """The name of a dataset's registered model.

    Parameters
    ----------
    dataset : str
        A key of params.yaml.

    Returns
    -------
    str
    """
    return f"counterpoise-{dataset}"


@dataclass(frozen=True)
class Version:
    """A version of a registered model."""

    name: str
    version: str
    run_id: str


@dataclass(frozen=True)
class Entry:
    """The content of a version to register.

    Attributes
    ----------
    champion : Champion
    folder : Path
        Where the champion is saved (`counterpoise.champion.bundle`).
    example : DataFrame
        Some rows in the form of a request.
    card : str
        The model card, in Markdown.
    metrics : mapping of str to float
        Of the run.
    tags : mapping of str to str
        Of the run and of the version.
    """

    champion: Champion
    folder: Path
    example: pd.DataFrame
    card: str
    metrics: Mapping[str, float]
    tags: Mapping[str, str]


class Registry(Connection):
    """The champion of one dataset in one store.

    Parameters
    ----------
    store : Store
    dataset : str
        A key of params.yaml.

    Raises
    ------
    StorageError, ConfigurationError
        As in `Connection`.
    """

    def __init__(self, *, store: Store, dataset: str) -> None:
        super().__init__(store=store, dataset=dataset)
        self.name = name_of(dataset)

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Connect; an SQLite store stays locked meanwhile.

        Yields
        ------
        None

        Raises
        ------
        StorageError, ConfigurationError
            As in `Connection`.
        """
        with self._connected():
            yield

    def present(self) -> Version | None:
        """The version with the alias `champion`.

        It is searched for, not requested by name: for a model that does not exist, a server with
        users would answer that access is denied.

        Returns
        -------
        Version or None
            None where the dataset has no champion.

        Raises
        ------
        StorageError
            When the store cannot be reached or refuses.
        """
        with self._failures():
            for model in self._client.search_registered_models(f"name = '{self.name}'"):
                if ALIAS in model.aliases:
                    version = self._client.get_model_version(self.name, model.aliases[ALIAS])
                    return Version(self.name, str(version.version), str(version.run_id))
        return None

    def champion(self, version: Version) -> Champion:
        """Download and read a version.

        Parameters
        ----------
        version : Version

        Returns
        -------
        Champion

        Raises
        ------
        ResultError
            When it holds no champion, or one that cannot be read (`Champion.load`).
        StorageError
            When the store cannot be reached or refuses.
        """
        with self._failures(), tempfile.TemporaryDirectory(prefix="counterpoise-") as folder:
            return Champion.load(
                _fetched(f"models:/{version.name}/{version.version}", self.store, Path(folder))
            )

    def register(self, entry: Entry) -> Version:
        """Write a run with the model, make a version of it, and give the version the alias.

        The alias comes last, so that the champion changes only when its version is complete.

        Parameters
        ----------
        entry : Entry

        Returns
        -------
        Version

        Raises
        ------
        StorageError
            When the store cannot be reached or refuses.
        """
        import mlflow

        identity = entry.champion.identity
        with self._failures(), tempfile.TemporaryDirectory(prefix="counterpoise-") as folder:
            mlflow.set_tracking_uri(self.store.uri)
            mlflow.set_registry_uri(self.store.uri)
            tags = {**entry.tags, "kind": ALIAS, NOTE: _cut(entry.card)}
            run = self._client.create_run(
                self.experiment, tags=tags, run_name=f"{ALIAS} {identity.cell}"
            ).info.run_id
            with mlflow.start_run(run_id=run), warnings.catch_warnings():
                warnings.simplefilter("ignore")  # MLflow's own use of pandas warns
                for name, value in entry.metrics.items():
                    self._client.log_metric(run, name, value, int(time.time() * 1000))
                self._client.log_text(run, entry.card, CARD)
                info = mlflow.pyfunc.log_model(
                    name=MODEL,
                    input_example=entry.example,
                    **pyfunc_model(entry.champion, entry.folder, Path(folder)),
                )
            self._create_model(entry)
            version = self._client.create_model_version(
                self.name,
                info.model_uri,
                run,
                tags=dict(entry.tags),
                description=_cut(entry.card),
                model_id=info.model_id,
            )
            self._client.set_registered_model_alias(self.name, ALIAS, version.version)
        return Version(self.name, str(version.version), str(run))

    def _create_model(self, entry: Entry) -> None:
        """Create the dataset's registered model where it does not exist."""
        from mlflow.exceptions import MlflowException

        identity = entry.champion.identity
        description = (
            f"The champion of {identity.dataset}: the probability that {identity.target} is"
            f" {identity.positive}."
        )
        try:
            self._client.create_registered_model(self.name, description=description)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise

    def _undone(self) -> tuple[str, str]:
        return (
            f"The champion of {self.dataset} could not be read or registered.",
            (
                "run it again once the store answers: a champion changes only when its version is"
                " complete."
            ),
        )


def fetch(uri: str, store: Store, folder: Path) -> Path:
    """Download a registered model.

    Parameters
    ----------
    uri : str
        `models:/NAME@ALIAS` or `models:/NAME/VERSION`.
    store : Store
        The store to download from.
    folder : Path
        The folder to download into.

    Returns
    -------
    Path
        The champion's folder, inside of `folder`.

    Raises
    ------
    ResultError
        When the store has no such model, or it is not a champion.
    StorageError
        When the store cannot be reached.
    """
    if store.database is not None and not store.database.is_file():
        raise _no_model(uri, store, "no such store")  # MLflow would create the file
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    from mlflow.exceptions import MlflowException

    logging.getLogger("alembic").setLevel(logging.CRITICAL)
    try:
        return _fetched(uri, store, folder)
    except CounterpoiseError:
        raise
    except Exception as error:
        # a server with users answers 403 for a model that does not exist
        if isinstance(error, MlflowException) and (
            error.error_code in ABSENT or "error code 403" in str(error)
        ):
            raise _no_model(uri, store, short(error)) from None
        raise StorageError(
            "The champion cannot be fetched.",
            where=store.shown,
            expected="an MLflow store that answers",
            found=short(error),
            todo=f"try again once it does; {VARIABLE} names the store. A folder needs none.",
        ) from error


def _no_model(uri: str, store: Store, found: str) -> ResultError:
    return ResultError(
        f"There is no model {uri}.",
        where=store.shown,
        expected="a registered model, as `python -m counterpoise promote DATASET` makes it",
        found=found,
        todo=f"promote one, or correct the name; {VARIABLE} names the store.",
    )


def _fetched(uri: str, store: Store, folder: Path) -> Path:
    import mlflow

    mlflow.artifacts.download_artifacts(
        artifact_uri=uri, dst_path=str(folder), tracking_uri=store.uri, registry_uri=store.uri
    )
    return inside(folder)


def inside(folder: Path) -> Path:
    """Find the champion in a folder that MLflow or `Champion.save` wrote.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    Path
        The champion's folder, which may be `folder` itself.

    Raises
    ------
    ResultError
        When the folder holds no champion.
    """
    if (folder / CHAMPION).is_file():
        return folder
    manifest = folder / "MLmodel"
    if manifest.is_file():
        flavors = yaml12.load(manifest.read_text(encoding="utf-8")).get("flavors", {})
        if flavors.get("python_function", {}).get("loader_module") == LOADER:
            return folder / str(flavors["python_function"]["data"])
    raise ResultError(
        "There is no champion in this folder.",
        where=str(folder),
        expected=f"{CHAMPION}, or an MLmodel of Counterpoise's",
        found=(
            ", ".join(sorted(p.name for p in folder.iterdir())[:10])
            if folder.is_dir()
            else "no folder"
        ),
        todo="`python -m counterpoise promote DATASET` makes one.",
    )


def signature(schema: Schema) -> tuple[Any, Any]:
    """Make the input and output columns of the model's MLflow signature.

    A category or a boolean is a string: MLflow would turn a missing boolean into false.

    Parameters
    ----------
    schema : Schema
        The champion's.

    Returns
    -------
    inputs, outputs : mlflow.types.Schema
    """
    from mlflow.types import ColSpec, DataType
    from mlflow.types import Schema as Columns

    texts = set(schema.texts)
    kinds = [
        ColSpec(DataType.string if name in texts else DataType.double, name)
        for name in schema.names
    ]
    return Columns(kinds), Columns(
        [ColSpec(DataType.double, "probability"), ColSpec(DataType.long, "decision")]
    )


def pyfunc_model(champion: Champion, bundle: Path, folder: Path) -> dict[str, Any]:
    """Describe a bundle as a model of MLflow's, for `log_model` and `save_model`.

    Parameters
    ----------
    champion : Champion
        What the bundle holds.
    bundle : Path
        Its folder.
    folder : Path
        Receives the code that the model runs.

    Returns
    -------
    dict
        Arguments.
    """
    from mlflow.models import ModelSignature

    inputs, outputs = signature(champion.schema)
    return {
        "loader_module": LOADER,
        "data_path": str(bundle),
        "code_paths": [str(with_code(folder))],
        "signature": ModelSignature(inputs=inputs, outputs=outputs),
        "pip_requirements": requirements(champion),
    }


def requirements(champion: Champion) -> list[str]:
    """List the distributions that scoring needs.

    Parameters
    ----------
    champion : Champion

    Returns
    -------
    list of str
        Lines `name==version`, as requirements.lock has them, with their platform markers.
    """
    needed = {*SHARED, *FORMATS[champion.format].needs}
    if type(champion.estimator).__module__.startswith("imblearn"):
        needed.add("imbalanced-learn")
    pinned = re.findall(
        r"^(([a-z0-9][a-z0-9._-]*)==[^\\\n]+?) *\\?$", environment.requirements(), re.MULTILINE
    )
    return [line for line, name in pinned if name in needed]


def with_code(folder: Path) -> Path:
    """Copy the source files that scoring needs, as the package `counterpoise`.

    Parameters
    ----------
    folder : Path
        The folder to copy into.

    Returns
    -------
    Path
        The folder of the package.
    """
    for path in closure(LOADER):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(paths.REPOSITORY / path, folder / path)
    return folder / "counterpoise"


def _cut(text: str) -> str:
    return (
        text
        if len(text) <= MAX_DESCRIPTION_CHARACTERS
        else text[: MAX_DESCRIPTION_CHARACTERS - 100] + f"\n\n... (the whole is in {CARD})"
    )
