"""Fitted estimators in files that run no code when they are read.

| format | who | what is in the files |
|---|---|---|
| xgboost | models of XGBoost, whatever the loss | XGBoost's own JSON: trees as numbers |
| keras | the multilayer perceptron | Keras's own archive, read in its safe mode, and JSON |
| autoencoder, autoencoder_xgboost | models with an autoencoder | the same two |
| skops | scikit-learn, imbalanced-learn, our isolation forest | JSON and arrays; types by name |

A skops archive names its types, and reading it makes instances of them. skops itself trusts those
of scikit-learn and NumPy. `TRUSTED` lists the others that are made here; an archive with any other
type is not read.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from counterpoise.core import files
from counterpoise.core.errors import ResultError

TRUSTED = (
    # of check_array alone, by which histogram boosting reads numbers beside categories
    "functools.partial",
    "imblearn.ensemble._bagging.BalancedBaggingClassifier",
    "imblearn.ensemble._easy_ensemble.EasyEnsembleClassifier",
    "imblearn.ensemble._forest.BalancedRandomForestClassifier",
    "imblearn.ensemble._weight_boosting.RUSBoostClassifier",
    "imblearn.pipeline.Pipeline",
    "imblearn.under_sampling._prototype_selection._random_under_sampler.RandomUnderSampler",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.metrics._dist_metrics.ChebyshevDistance64",
    "sklearn.metrics._dist_metrics.EuclideanDistance64",
    "sklearn.metrics._dist_metrics.ManhattanDistance64",
    "sklearn.metrics._dist_metrics.MinkowskiDistance64",
    "sklearn.neighbors._ball_tree.BallTree",
    "sklearn.neighbors._kd_tree.KDTree",
    "sklearn.tree._tree.Tree",
    "sklearn.utils.validation.check_array",
    "counterpoise.models.anomaly.IsolationForestClassifier",
)
"""The types that an archive may have beside those that skops trusts."""

MODEL, LEARNED, ARCHIVE = "model.json", "learned.json", "model.skops"

DATE = (1980, 1, 1, 0, 0, 0)
"""One date for all archive members, so that equal models give equal bytes."""


class Format(NamedTuple):
    """How an estimator is written into a folder and read from it."""

    save: Callable[[Any, Path], None]
    load: Callable[[Path], Any]
    needs: tuple[str, ...]
    """Distributions that reading and scoring need."""


def format_of(estimator: Any) -> str:
    """The format in which an estimator is saved.

    Parameters
    ----------
    estimator : object

    Returns
    -------
    str
        A key of `FORMATS`.
    """
    return OF_CLASS.get(type(estimator).__name__, "skops")


def save(estimator: Any, folder: Path) -> str:
    """Write a fitted estimator: equal estimators, fitted in other processes, as equal bytes.

    Parameters
    ----------
    estimator : object
    folder : Path
        Created where it does not exist.

    Returns
    -------
    str
        The format, a key of `FORMATS`.

    Raises
    ------
    ResultError
        When reading it could run code.
    """
    folder.mkdir(parents=True, exist_ok=True)
    name = format_of(estimator)
    FORMATS[name].save(estimator, folder)
    return name


def load(name: str, folder: Path) -> Any:
    """Read an estimator that `save` wrote.

    Parameters
    ----------
    name : str
        The format, a key of `FORMATS`.
    folder : Path

    Returns
    -------
    object
        It gives the same scores as the saved one.

    Raises
    ------
    ResultError
        When the format is not known, or files hold types that are not trusted.
    """
    if name not in FORMATS:
        raise ResultError(
            "A champion has a format that is not known here.",
            where=str(folder),
            expected=", ".join(FORMATS),
            found=name,
            todo="use the version that made it.",
        )
    return FORMATS[name].load(folder)


def _save_xgboost(estimator: Any, folder: Path) -> None:
    estimator.get_booster().save_model(folder / MODEL)


def _load_xgboost(folder: Path) -> Any:
    from xgboost import XGBClassifier

    # a custom loss serves fitting alone: what is left of it is a booster whose margin is in log
    # odds
    loaded = XGBClassifier(n_jobs=1, enable_categorical=True)
    loaded.load_model(folder / MODEL)
    return loaded


def _save_keras(estimator: Any, folder: Path) -> None:
    estimator.save(folder)
    for path in folder.glob("*.keras"):  # Keras writes the time into it
        with zipfile.ZipFile(path) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        metadata = json.loads(members["metadata.json"])
        members["metadata.json"] = json.dumps({**metadata, "date_saved": ""}).encode()
        _write_archive(path, members, zipfile.ZIP_STORED)


def _load_keras(folder: Path) -> Any:
    from counterpoise.models.nets import KerasMLP

    return KerasMLP.load(folder)


def _save_autoencoder(estimator: Any, folder: Path) -> None:
    """The autoencoder of an estimator, and the estimator's own parameters and numbers."""
    _save_keras(estimator.autoencoder_, folder)
    learned = {
        name: getattr(estimator, name)
        for name in ("n_features_in_", "log_threshold_", "log_deviation_")
        if hasattr(estimator, name)
    }
    content = {"params": estimator.get_params(), "learned": learned}
    text = json.dumps(content, indent=2, allow_nan=False, default=lambda value: value.item())
    files.write_text(folder / LEARNED, text + "\n")


def _load_autoencoder(folder: Path) -> Any:
    from counterpoise.models.anomaly import AutoencoderClassifier

    return _with_autoencoder(AutoencoderClassifier, folder)


def _save_autoencoder_xgboost(estimator: Any, folder: Path) -> None:
    _save_autoencoder(estimator, folder)
    _save_xgboost(estimator.xgboost_, folder)


def _load_autoencoder_xgboost(folder: Path) -> Any:
    from counterpoise.models.anomaly import AutoencoderXGBClassifier

    loaded = _with_autoencoder(AutoencoderXGBClassifier, folder)
    loaded.xgboost_ = _load_xgboost(folder)
    return loaded


def _with_autoencoder(kind: Any, folder: Path) -> Any:
    from counterpoise.models.nets import Autoencoder

    content = json.loads((folder / LEARNED).read_text(encoding="utf-8"))
    loaded = kind(**content["params"])
    for name, value in content["learned"].items():
        setattr(loaded, name, value)
    loaded.autoencoder_ = Autoencoder.load(folder)
    return loaded


def _skops() -> Any:
    import skops.io  # type: ignore[import-untyped]

    return skops.io


def _save_skops(estimator: Any, folder: Path) -> None:
    path = folder / ARCHIVE
    _skops().dump(estimator, path)
    # skops names objects and files by the address in memory: number them as they appear instead
    numbers: dict[str, str] = {}

    def numbered(match: re.Match[str]) -> str:
        return match[1] + numbers.setdefault(match[2], str(len(numbers)))

    with zipfile.ZipFile(path) as archive:
        schema = re.sub(
            r'("__id__": |"file": ")(\d+)', numbered, archive.read("schema.json").decode()
        )
        members = {"schema.json": schema.encode()}
        for name in set(archive.namelist()) - set(members):
            address, _, kind = name.partition(".")
            data = archive.read(name)
            members[f"{numbers[address]}.{kind}"] = _padded(data) if kind == "npy" else data
    _write_archive(path, members, zipfile.ZIP_DEFLATED)
    _check_types(folder)


def _padded(data: bytes) -> bytes:
    """An array's file with zeros between its fields, where the nodes of trees hold any bytes."""
    array = np.load(io.BytesIO(data), allow_pickle=False)
    if array.dtype.names is None:
        return data
    clean, stream = np.zeros(array.shape, array.dtype), io.BytesIO()
    for name in array.dtype.names:
        clean[name] = array[name]
    np.save(stream, clean, allow_pickle=False)
    return stream.getvalue()


def _write_archive(path: Path, members: Mapping[str, bytes], compression: int) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name in sorted(members):
            member = zipfile.ZipInfo(name, DATE)
            member.create_system = 3  # zipfile writes the platform by default
            archive.writestr(member, members[name], compression)


def _load_skops(folder: Path) -> Any:
    _check_types(folder)
    return _skops().load(folder / ARCHIVE, trusted=list(TRUSTED))


def _check_types(folder: Path) -> None:
    others = sorted(set(_skops().get_untrusted_types(file=folder / ARCHIVE)) - set(TRUSTED))
    if others:
        raise ResultError(
            "A model holds types that are not trusted, and reading it might run code.",
            where=str(folder / ARCHIVE),
            expected="types that skops trusts, or that counterpoise/champion/estimators.py names",
            found=", ".join(others),
            todo=(
                "name another combination with --strategy and --model; a file from elsewhere should"
                " not be used."
            ),
        )


FORMATS = {
    "xgboost": Format(_save_xgboost, _load_xgboost, ("xgboost-cpu", "xgboost", "scikit-learn")),
    "keras": Format(_save_keras, _load_keras, ("keras", "jax", "scikit-learn")),
    "autoencoder": Format(_save_autoencoder, _load_autoencoder, ("keras", "jax", "scikit-learn")),
    "autoencoder_xgboost": Format(
        _save_autoencoder_xgboost,
        _load_autoencoder_xgboost,
        ("keras", "jax", "xgboost-cpu", "xgboost", "scikit-learn"),
    ),
    "skops": Format(_save_skops, _load_skops, ("skops", "scikit-learn")),
}

OF_CLASS = {
    "XGBClassifier": "xgboost",
    "XGBLossClassifier": "xgboost",
    "KerasMLP": "keras",
    "AutoencoderClassifier": "autoencoder",
    "AutoencoderXGBClassifier": "autoencoder_xgboost",
}
