"""A champion: a fitted model with its schema, encoder, calibrator and threshold, in one folder.

champion.json      schema, encoder, calibrator, threshold rule, identity and provenance
estimator/         the model, in its library's own format (`counterpoise.champion.estimators`)
heldout.parquet    scores, probabilities and decisions of the evaluated combination, from models
                   that were not fitted on the row
rows.parquet       a hash of every row of the table that the champion was fitted on
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from counterpoise.champion import estimators
from counterpoise.champion.rules import Rule
from counterpoise.champion.schema import Schema, ScoringNotes
from counterpoise.core import files
from counterpoise.core.config import Model
from counterpoise.core.errors import ResultError
from counterpoise.core.types import Labels, Matrix, Vector
from counterpoise.data.encoder import Encoder
from counterpoise.evaluation import corrections
from counterpoise.evaluation.calibrator import Calibrator
from counterpoise.models import registry as models
from counterpoise.models.registry import ModelKind

CHAMPION, ESTIMATOR, HELDOUT, ROWS = "champion.json", "estimator", "heldout.parquet", "rows.parquet"
VERSION = 4
"""Version of the folder's layout."""


@dataclass(frozen=True)
class Identity:
    """The name and provenance of a champion.

    Attributes
    ----------
    dataset, strategy, model : str
        Keys of params.yaml.
    target, positive : str
        The target column, and its value that counts as positive.
    params : dict
        The strategy's entry, the model's entry and the parameters that a search found.
    cell_key : str
        A hash of everything that determines the combination's results
        (`counterpoise.tracking.manifest`).
    data_md5, table, split : str
        DVC's md5 of the table, and the SHA-256 of the table's file and of the split's parts.
    seed : int
        The seed of params.yaml.
    commit : str
        The git commit that the champion was made from; "unknown" where git gives none.
    facts : dict
        Facts of the fit: rows and positives fitted on, and others that depend on the model.
    """

    dataset: str
    target: str
    positive: str
    strategy: str
    model: str
    params: dict[str, Any]
    cell_key: str
    data_md5: str
    table: str
    split: str
    seed: int
    commit: str
    facts: dict[str, float] = field(default_factory=dict)

    @property
    def cell(self) -> str:
        """The name of the combination.

        Returns
        -------
        str
            `strategy/model`.
        """
        return f"{self.strategy}/{self.model}"


class Scored(NamedTuple):
    """Scores of n rows.

    Attributes
    ----------
    score : ndarray of shape (n,)
        The model's own, before recalibration.
    probability : ndarray of shape (n,)
        Recalibrated.
    decision : ndarray of shape (n,), bool
        Whether the threshold rule calls the row positive.
    """

    score: Vector
    probability: Vector
    decision: NDArray[np.bool_]


@dataclass(frozen=True)
class Champion:
    """A fitted model that gives probabilities and decisions.

    Attributes
    ----------
    kind : str
        A name of `models.MODELS`.
    heldout : DataFrame
        What the evaluated combination gave the test rows (`Evidence.frame`).
    rows : ndarray of shape (n,), uint64
        A hash of every row of the table that the champion was made from (`digests`).
    """

    identity: Identity
    schema: Schema
    kind: str
    encoder: Encoder
    estimator: Any
    calibrator: Calibrator
    rule: Rule
    heldout: pd.DataFrame
    rows: NDArray[np.uint64]

    @property
    def model_kind(self) -> ModelKind:
        """The kind of the model, which says how its scores are read.

        Returns
        -------
        ModelKind
        """
        return models.kind_of(self.identity.model, Model(model=self.kind))

    def raw(self, X: Matrix) -> Vector:
        """Score rows with the model itself, without recalibration.

        Parameters
        ----------
        X : ndarray of shape (n, p)
            Features in the schema's order; categories as codes, NaN where a value is missing.

        Returns
        -------
        ndarray of shape (n,)
            The model's probability of a positive.
        """
        from threadpoolctl import threadpool_limits

        # One thread, as in the evaluation: sums over more threads round differently.
        with threadpool_limits(1):
            return models.score(self.model_kind, self.estimator, self.encoder.transform(X))

    def score(self, frame: pd.DataFrame, where: str, notes: ScoringNotes, first: int = 0) -> Scored:
        """Score raw rows.

        Parameters
        ----------
        frame : DataFrame of n rows
            With at least the columns of the schema, in any order.
        where : str
            The source of the rows, for messages.
        notes : ScoringNotes
            Collects labels that were not in the training rows.
        first : int, default 0
            Rows of the same source in earlier batches; row numbers in messages start after them.

        Returns
        -------
        Scored
            Arrays of shape (n,).

        Raises
        ------
        TableError
            When the rows do not meet the schema (`Schema.rows`), or their costs are not valid
            (`Rule.decide`).
        ResultError
            When the model gives a score that is not finite.
        """
        rows = self.schema.rows(frame, where, notes, first)
        scores = self.raw(rows.X)
        if not np.isfinite(scores).all():
            raise ResultError(
                "The model gives a score that is not finite.",
                where=f"{where}, row {first + int(np.argmin(np.isfinite(scores))) + 1:,}",
                found=self.identity.cell,
                todo="look for values far beyond those that it was fitted on.",
            )
        log_odds = self.calibrator.log_odds(scores)
        place = where if first == 0 else f"{where}, after {first:,} rows"
        decided = self.rule.decide(scores, log_odds, rows.amounts, place)
        return Scored(scores, corrections.probability(log_odds), decided)

    def save(self, folder: Path) -> None:
        """Write the champion's files.

        Parameters
        ----------
        folder : Path
            Created where it does not exist.

        Raises
        ------
        ResultError
            As in `estimators.save`.
        StorageError
            When the disk is full.
        """
        folder.mkdir(parents=True, exist_ok=True)
        form = estimators.save(self.estimator, folder / ESTIMATOR)
        content = {
            "version": VERSION,
            "identity": asdict(self.identity),
            "schema": self.schema.asdict(),
            "kind": self.kind,
            "format": form,
            "encoder": _encoder_state(self.encoder),
            "calibrator": asdict(self.calibrator),
            "rule": self.rule.asdict(),
        }
        # Results are rounded, this file is not: a rounded threshold would change decisions.
        files.write_text(
            folder / CHAMPION,
            json.dumps(content, indent=2, allow_nan=False, ensure_ascii=False) + "\n",
        )
        files.write_parquet(folder / HELDOUT, self.heldout)
        files.write_parquet(folder / ROWS, pd.DataFrame({"digest": self.rows}))

    @classmethod
    def load(cls, folder: Path) -> Champion:
        """Read a champion; no code in the folder is run.

        Parameters
        ----------
        folder : Path
            A folder that `save` wrote.

        Returns
        -------
        Champion

        Raises
        ------
        ResultError
            When the folder holds no champion, one of another layout, or types that are not trusted.
        """
        if not (folder / CHAMPION).is_file():
            raise ResultError(
                "There is no champion in this folder.",
                where=str(folder),
                expected=CHAMPION,
                found="no such file" if folder.is_dir() else "no such folder",
                todo="`python -m counterpoise promote DATASET` makes one.",
            )
        content = files.read_json(folder / CHAMPION)
        if content.get("version") != VERSION:
            raise ResultError(
                "This champion was made by another version of Counterpoise.",
                where=str(folder),
                expected=f"version {VERSION}",
                found=str(content.get("version")),
                todo="promote it again, or use the version that made it.",
            )
        calibrator = content["calibrator"]
        calibrator["steps"] = tuple(map(tuple, calibrator["steps"]))
        return cls(
            identity=Identity(**content["identity"]),
            schema=Schema.read(content["schema"]),
            kind=content["kind"],
            encoder=_encoder(content["encoder"]),
            estimator=estimators.load(content["format"], folder / ESTIMATOR),
            calibrator=Calibrator(**calibrator),
            rule=Rule(**content["rule"]),
            # files of earlier versions carry no checksum, so none is required
            heldout=files.read_parquet(folder / HELDOUT, verify=False),
            rows=files.read_parquet(folder / ROWS, verify=False)["digest"].to_numpy(
                dtype=np.uint64
            ),
        )

    @property
    def probability_at_threshold(self) -> float | None:
        """The recalibrated probability at the threshold.

        Returns
        -------
        float or None
            None where each row has its own threshold.
        """
        if self.rule.threshold is None:
            return None
        return float(
            corrections.probability(self.calibrator.log_odds(np.array([self.rule.threshold])))[0]
        )

    @property
    def format(self) -> str:
        """The file format of the estimator.

        Returns
        -------
        str
            A key of `estimators.FORMATS`.
        """
        return estimators.format_of(self.estimator)


def _encoder_state(encoder: Encoder) -> dict[str, Any]:
    """The parameters and learned numbers of a fitted encoder, as JSON can hold them."""
    learned: dict[str, Any] = {"fill": encoder.fill_.tolist()}
    if encoder.scale:
        learned |= {"mean": encoder.mean_.tolist(), "deviation": encoder.deviation_.tolist()}
    if encoder.scale == "power" and hasattr(encoder.power_, "lambdas_"):
        learned["lambdas"] = encoder.power_.lambdas_.tolist()
    learned["shares"] = {str(k): shares[-1:].tolist() for k, shares in encoder.shares_.items()}
    return {**encoder.get_params(), "learned": learned}


def _encoder(content: dict[str, Any]) -> Encoder:
    """The inverse of `_encoder_state`."""
    params = {**content, "cardinalities": tuple(content["cardinalities"])}
    content = params.pop("learned")
    shares = content.pop("shares")
    learned = {name: np.array(values, np.float64) for name, values in content.items()}
    encoder = Encoder(**params)
    encoder.shares_ = {int(k): np.array(rows, np.float64) for k, rows in shares.items()}
    encoder.fill_ = learned["fill"]
    if "mean" in learned:
        encoder.mean_, encoder.deviation_ = learned["mean"], learned["deviation"]
    if "lambdas" in learned:
        from sklearn.preprocessing import PowerTransformer

        encoder.power_ = PowerTransformer(standardize=False)
        encoder.power_.lambdas_, encoder.power_.n_features_in_ = (
            learned["lambdas"],
            len(learned["lambdas"]),
        )
    return encoder


def digests(X: Matrix, y: Labels) -> NDArray[np.uint64]:
    """Hash each row's features and label, to recognise the same rows in another table.

    Parameters
    ----------
    X : ndarray of shape (n, p)
        Categories as codes, NaN where a value is missing. Both tables need the same codes.
    y : ndarray of shape (n,), int8

    Returns
    -------
    ndarray of shape (n,), uint64
        BLAKE2b with 8 bytes; duplicates have equal hashes.
    """
    import hashlib

    plain = np.where(np.isnan(X), np.nan, X) + 0.0  # one bit pattern for NaN, and 0 for -0
    content = np.ascontiguousarray(np.column_stack([plain, y.astype(np.float64)]))
    made = [hashlib.blake2b(row, digest_size=8).digest() for row in content]
    return np.frombuffer(b"".join(made), dtype="<u8").astype(np.uint64)
