"""Recalibration of a model's probabilities to the natural prevalence, stored as plain numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from counterpoise.core.errors import NotApplicable
from counterpoise.core.types import Labels, Vector
from counterpoise.evaluation import corrections
from counterpoise.evaluation.corrections import Correction


@dataclass(frozen=True)
class Calibrator:
    """A fitted recalibration.

    The sigmoid (Platt 1999) has two parameters and preserves the order of the rows strictly.
    Isotonic regression (Zadrozny and Elkan 2002) fits the best non-decreasing step function. It
    needs many more positives and creates ties, which changes average precision and the area under
    the ROC curve. Platt's targets bound its steps away from 0 and 1: a step without a positive
    among a few hundred rows does not show that there are none.

    Log odds outside of the range of the validation rows, including infinite ones, are first moved
    towards that range (`corrections.drawn_in`). A sigmoid was fitted on no rows out there, and the
    isotonic steps are constant there anyway.

    Attributes
    ----------
    kind : Correction
        See `counterpoise.evaluation.corrections`.
    factor : float
        Factor by which the remedy multiplied the odds; 1 for none.
    low, high : float
        Lowest and highest finite log odds of the validation rows.
    slope, intercept : float
        Parameters of the sigmoid.
    steps : tuple of (log odds, probability)
        Ends of the steps of the isotonic regression.

    References
    ----------
    B. Zadrozny and C. Elkan (2002). Transforming classifier scores into accurate multiclass
    probability estimates. KDD.
    """

    kind: Correction
    factor: float = 1.0
    low: float = 0.0
    high: float = 0.0
    slope: float = 1.0
    intercept: float = 0.0
    steps: tuple[tuple[float, float], ...] = ()

    @classmethod
    def fit(cls, kind: Correction, y: Labels, scores: Vector, factor: float) -> Calibrator:
        """Fit on rows of natural prevalence that the model has not seen.

        Parameters
        ----------
        kind : Correction
            How to recalibrate.
        y, scores : ndarray of shape (n,)
            Labels and the model's probabilities; read by sigmoid and isotonic only.
        factor : float
            Factor by which the remedy multiplied the odds (`corrections.odds_factor`); read by
            exact and approximate only.

        Returns
        -------
        Calibrator
            The fitted recalibration.

        Raises
        ------
        NotApplicable
            If the factor is not known (not positive and finite), the rows have one class, or no
            sigmoid can be fitted (`corrections.fit_sigmoid`).
        """
        if kind == "none":
            return cls(kind)
        if kind in ("exact", "approximate"):
            if not 0 < factor < np.inf:
                raise NotApplicable(
                    "the factor by which the remedy multiplied the odds of a positive is not known"
                    f" (it is {factor:g})"
                )
            return cls(kind, factor=factor)
        corrections.check_both_classes(y)
        values = corrections.log_odds(scores)
        low, high = corrections.finite_range(values)
        values = corrections.drawn_in(values, low, high)
        if kind == "sigmoid":
            slope, intercept = corrections.fit_sigmoid(y, values)
            return cls(kind, low=low, high=high, slope=slope, intercept=intercept)
        from sklearn.isotonic import IsotonicRegression

        least, most = corrections.smoothed(y)
        fitted = IsotonicRegression(y_min=least, y_max=most, out_of_bounds="clip").fit(values, y)
        ends = zip(fitted.X_thresholds_.tolist(), fitted.y_thresholds_.tolist(), strict=True)
        return cls(kind, low=low, high=high, steps=tuple(ends))

    def log_odds(self, scores: Vector) -> Vector:
        """Recalibrated log odds; each row depends on its own score only.

        Parameters
        ----------
        scores : ndarray of shape (rows,)
            The model's probabilities.

        Returns
        -------
        ndarray of shape (rows,)
            Log odds at the natural prevalence.
        """
        values = corrections.log_odds(scores)
        if self.kind not in ("sigmoid", "isotonic"):
            return np.asarray(values - np.log(self.factor))
        values = corrections.drawn_in(values, self.low, self.high)
        if self.kind == "sigmoid":
            return np.asarray(self.slope * values + self.intercept)
        x, p = np.array(self.steps).T
        if len(p) == 1:  # one step: interp1d needs two points
            return np.full(len(values), float(corrections.log_odds(p)[0]))
        # IsotonicRegression predicts with interp1d, so the digits are the same
        from scipy.interpolate import interp1d

        return corrections.log_odds(interp1d(x, p)(np.clip(values, x[0], x[-1])))

    def ordered_log_odds(self, scores: Vector) -> Vector:
        """Recalibrated log odds in the strict order of the scores, where the map is increasing.

        Log odds that rounding made equal are separated by the smallest possible steps, so that no
        ranking metric changes. The last digit of a row therefore depends on the other rows.
        Isotonic log odds keep their ties.

        Parameters
        ----------
        scores : ndarray of shape (rows,)
            The model's probabilities.

        Returns
        -------
        ndarray of shape (rows,)
            Log odds at the natural prevalence.
        """
        values = self.log_odds(scores)
        return values if self.kind == "isotonic" else corrections.in_order_of(scores, values)
