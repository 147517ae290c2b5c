"""The recalibration of a fold: raw, formula, sigmoid or isotonic, chosen on its validation rows.

Each candidate is judged by its log loss on the validation rows. Sigmoid and isotonic regression are
fitted on these rows, so their loss is cross-validated within them. Raw scores and the formula have
nothing to fit. The simplest candidate whose loss is within one standard error of the lowest is
chosen (Breiman et al. 1984, section 3.4.3) and then fitted on all validation rows. Test rows are
not read.

With few positives the standard error is large, so the rule prefers the simpler candidate by itself.
On small samples isotonic regression overfits nevertheless, and is a candidate from
`ISOTONIC_POSITIVES` on only.

References
----------
L. Breiman, J. H. Friedman, R. A. Olshen and C. J. Stone (1984). Classification and regression
trees. Wadsworth.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, NamedTuple

import numpy as np

from counterpoise.core.errors import NotApplicable
from counterpoise.core.types import Labels, Vector
from counterpoise.evaluation import corrections, metrics
from counterpoise.evaluation.calibrator import Calibrator
from counterpoise.evaluation.corrections import Correction

FOLDS = 5
"""Folds of the cross-validation within the validation rows; fewer where a class has fewer rows."""

ISOTONIC_POSITIVES = 40
"""Validation positives from which isotonic regression is a candidate: eight in each of five folds.

Measured on seven tables of imbalanced-learn's benchmark (four strategies, three models). The share
of combinations whose log loss was more than 1 % above raw was 13 % with and 5 % without isotonic
regression at 12 positives, 2 % and 0 % at 20, 1 % and 1 % at 40, and 3 % and 1 % at 80, where it
lowered the mean log loss by 1 %.
"""

FITTED: tuple[Correction, ...] = ("sigmoid", "isotonic")
"""Recalibrations that are fitted on the validation rows."""

FORMULAS: tuple[Correction, ...] = ("exact", "approximate")
"""Recalibrations by the prior-shift formula."""


class Choice(NamedTuple):
    """The recalibration that was chosen.

    Attributes
    ----------
    calibrator : Calibrator or None
        Fitted on all validation rows; None where no recalibration is possible.
    losses : dict of Correction to float
        Mean log loss on the validation rows of each candidate that was judged.
    unjudged : str
        Why the choice was made without comparing log losses; empty where it was made by them, or
        where there is one candidate only.
    refused : dict of Correction to str
        Candidates that could not be fitted or judged, with the reason.
    """

    calibrator: Calibrator | None
    losses: dict[Correction, float]
    unjudged: str
    refused: dict[Correction, str]

    @property
    def reason(self) -> str:
        """Why no recalibration is possible.

        Returns
        -------
        str
            Empty where one is.
        """
        return (
            "" if self.calibrator is not None else "; ".join(dict.fromkeys(self.refused.values()))
        )

    def written(self) -> dict[str, Any]:
        """The choice as JSON content, which `read` reads.

        Returns
        -------
        dict
        """
        calibrator = None if self.calibrator is None else asdict(self.calibrator)
        return {**self._asdict(), "calibrator": calibrator, "losses": list(self.losses.items())}

    @classmethod
    def read(cls, content: dict[str, Any]) -> Choice:
        """Read what `written` wrote.

        Parameters
        ----------
        content : dict

        Returns
        -------
        Choice
        """
        found = content["calibrator"]
        if found is not None:
            found = Calibrator(**found | {"steps": tuple(map(tuple, found["steps"]))})
        return cls(**content | {"calibrator": found, "losses": dict(content["losses"])})


def choose(candidates: Sequence[Correction], y: Labels, scores: Vector, factor: float) -> Choice:
    """Choose a recalibration on rows of natural prevalence that the model has not seen.

    Parameters
    ----------
    candidates : sequence of Correction
        Simplest first (`counterpoise.evaluation.levels.candidates`). A single one is taken as it
        is.
    y, scores : ndarray of shape (n,)
        Labels and the model's scores of the validation rows.
    factor : float
        Factor by which the remedy multiplied the odds (`corrections.odds_factor`).

    Returns
    -------
    Choice
        The same for the same rows: nothing is drawn.
    """
    positives = int((y == 1).sum())
    refused: dict[Correction, str] = {}
    if len(candidates) > 1 and positives < ISOTONIC_POSITIVES and "isotonic" in candidates:
        candidates = [kind for kind in candidates if kind != "isotonic"]
        refused["isotonic"] = (
            f"needs {ISOTONIC_POSITIVES} validation positives, and there are {positives}"
        )
    if len(candidates) == 1:
        return _single(candidates[0], y, scores, factor, refused)
    if not 0 < positives < len(y):
        # log losses of one class alone would favour whatever says that class more strongly; the
        # formula rests on the class counts of the training rows instead
        known = [kind for kind in candidates if kind not in FITTED]
        formula = [kind for kind in known if kind in FORMULAS and 0 < factor < np.inf]
        kind = (formula or known or list(candidates))[0]
        unjudged = (
            f"the validation rows have {positives:,} positives and {len(y) - positives:,} negatives"
        )
        return _single(kind, y, scores, factor, refused)._replace(unjudged=unjudged)
    fitted: dict[Correction, Calibrator] = {}
    losses: dict[Correction, Vector] = {}
    for kind in candidates:
        try:
            fitted[kind] = Calibrator.fit(kind, y, scores, factor)
            losses[kind] = validation_losses(kind, y, scores, factor)
        except NotApplicable as reason:
            refused[kind] = str(reason)
    if not losses:
        return Choice(None, {}, "", refused)
    return Choice(
        fitted[simplest(losses)],
        {kind: float(loss.mean()) for kind, loss in losses.items()},
        "",
        refused,
    )


def _single(
    kind: Correction, y: Labels, scores: Vector, factor: float, refused: dict[Correction, str]
) -> Choice:
    try:
        return Choice(Calibrator.fit(kind, y, scores, factor), {}, "", refused)
    except NotApplicable as reason:
        return Choice(None, {}, "", {kind: str(reason)})


def simplest(losses: dict[Correction, Vector]) -> Correction:
    """The first candidate whose mean loss is within one standard error of the lowest.

    Parameters
    ----------
    losses : dict of Correction to ndarray of shape (n,)
        Loss of each row, the simplest candidate first; at least one.

    Returns
    -------
    Correction
        The standard error is that of the mean paired difference from the candidate with the lowest
        loss.
    """
    best = min(losses, key=lambda kind: float(losses[kind].mean()))
    for kind, loss in losses.items():
        worse = loss - losses[best]
        if worse.mean() <= worse.std(ddof=1) / np.sqrt(len(worse)):
            return kind
    return best


def validation_losses(kind: Correction, y: Labels, scores: Vector, factor: float) -> Vector:
    """Log loss of each validation row; cross-validated where the recalibration is fitted.

    The rows of each class are dealt to the folds in turn, so that folds are stratified and nothing
    is drawn.

    Parameters
    ----------
    kind : Correction
        The candidate.
    y, scores, factor
        See `choose`; rows of both classes.

    Returns
    -------
    ndarray of shape (n,)
        Losses as `metrics.losses` has them.

    Raises
    ------
    NotApplicable
        If a class has fewer than two rows, or a fit on the other folds is not possible.
    """
    if kind not in FITTED:
        return _log_loss(y, Calibrator.fit(kind, y, scores, factor).log_odds(scores))
    positives = int((y == 1).sum())
    folds = min(FOLDS, positives, len(y) - positives)
    if folds < 2:
        raise NotApplicable(
            "cross-validation needs two validation rows of each class, and there are"
            f" {positives:,} positives and {len(y) - positives:,} negatives"
        )
    fold = np.empty(len(y), np.int64)
    for label in (0, 1):
        mine = np.flatnonzero((y == 1) == label)
        fold[mine] = np.arange(len(mine)) % folds
    losses = np.empty(len(y))
    for k in range(folds):
        here = fold == k
        calibrator = Calibrator.fit(kind, y[~here], scores[~here], factor)
        losses[here] = _log_loss(y[here], calibrator.log_odds(scores[here]))
    return losses


def _log_loss(y: Labels, log_odds: Vector) -> Vector:
    return metrics.losses(y, corrections.probability(log_odds))[1]


class Recalibration(NamedTuple):
    """A fold's choice, and what it achieved on the fold's test rows.

    Attributes
    ----------
    choice : Choice
    positives : int
        Validation positives.
    log_loss, log_loss_corrected : float
        Mean log loss of the test rows, raw and recalibrated.
    log_loss_of_prevalence : float
        That of a constant: the prevalence of the fold's training rows.
    """

    choice: Choice
    positives: int
    log_loss: float
    log_loss_corrected: float
    log_loss_of_prevalence: float

    @classmethod
    def of(
        cls, choice: Choice, positives: int, y: Labels, scores: Vector, log_odds: Vector, p: float
    ) -> Recalibration:
        """Measure a choice on test rows.

        Parameters
        ----------
        choice : Choice
        positives : int
            Validation positives.
        y, scores, log_odds : ndarray of shape (m,)
            Labels, raw scores and recalibrated log odds of the test rows.
        p : float
            Prevalence of the training rows.

        Returns
        -------
        Recalibration
        """
        means = (
            float(metrics.losses(y, values)[1].mean())
            for values in (scores, corrections.probability(log_odds), np.full(len(y), p))
        )
        return cls(choice, positives, *means)

    @property
    def chosen(self) -> Correction | None:
        """The kind that was chosen.

        Returns
        -------
        Correction or None
            None where no recalibration is possible.
        """
        return None if self.choice.calibrator is None else self.choice.calibrator.kind

    def row(self) -> dict[str, Any]:
        """Values of the table `recalibration.csv`.

        Returns
        -------
        dict
            `log_loss_` columns are of the validation rows; `gain` is raw minus recalibrated log
            loss of the test rows.
        """
        return {
            "chosen": self.chosen,
            "positives": self.positives,
            **{
                f"log_loss_{'formula' if kind in FORMULAS else kind}": loss
                for kind, loss in self.choice.losses.items()
            },
            "gain": self.log_loss - self.log_loss_corrected,
            "reason": "; ".join(
                filter(
                    None,
                    [
                        self.choice.unjudged,
                        *(f"{kind}: {why}" for kind, why in self.choice.refused.items()),
                    ],
                )
            ),
        }


def usual(folds: Sequence[Recalibration]) -> tuple[Correction | None, int]:
    """The recalibration that was chosen in most folds, and in how many.

    Parameters
    ----------
    folds : sequence of Recalibration
        Those of one combination.

    Returns
    -------
    kind : Correction or None
        Among equally frequent ones the simplest; None where no fold has one.
    count : int
        Folds that chose it.
    """
    counts = Counter(fold.chosen for fold in folds if fold.chosen is not None)
    order: tuple[Correction, ...] = ("none", *FORMULAS, *FITTED)
    kind = max(order, key=lambda kind: counts[kind])  # the first of equals
    return (kind, counts[kind]) if counts else (None, 0)


def reasons(folds: Sequence[Recalibration]) -> list[str]:
    """What the leaderboard says about the recalibration of a combination.

    Parameters
    ----------
    folds : sequence of Recalibration
        Those of one combination.

    Returns
    -------
    list of str
        Folds without recalibrated probabilities or without a comparison, and whether the
        probabilities are of no use even so.
    """
    result = []
    impossible = [fold.choice.reason for fold in folds if fold.choice.reason]
    if impossible:
        result.append(
            f"no recalibrated probabilities in {len(impossible)} of {len(folds)} folds:"
            f" {impossible[0]}"
        )
    unjudged = [
        fold for fold in folds if fold.choice.unjudged and fold.choice.calibrator is not None
    ]
    if unjudged:
        result.append(
            f"recalibration ({unjudged[0].chosen}) chosen without log losses in {len(unjudged)} of"
            f" {len(folds)} folds: {unjudged[0].choice.unjudged}"
        )
    ours, constant = (
        float(np.mean([getattr(fold, name) for fold in folds]))
        for name in ("log_loss_corrected", "log_loss_of_prevalence")
    )
    if ours > constant:
        result.append(
            f"probabilities that no recalibration mends: their log loss is {ours:.4g}, and"
            f" {constant:.4g} where every row gets the prevalence"
        )
    return result
