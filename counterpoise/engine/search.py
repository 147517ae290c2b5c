"""Search for the parameters of one fit, judged on the natural validation slice, within a budget of
trials.

Optuna draws the parameters and says what is pruned. Trials that were pruned or that failed count as
well, so the baseline and every remedy get the same number of them. Trial n follows from the seed, n
and the trials before it alone.

References
----------
T. Akiba, S. Sano, T. Yanase, T. Ohta, M. Koyama, "Optuna: A next-generation hyperparameter
optimization framework", KDD 2019. J. Bergstra, R. Bardenet, Y. Bengio, B. Kégl, "Algorithms for
hyper-parameter optimization", NIPS 2011 (TPE).
"""

from __future__ import annotations

import copy
import math
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from counterpoise.core.config import Range
from counterpoise.core.errors import CounterpoiseError, NotApplicable
from counterpoise.core.outcome import reason_of
from counterpoise.core.seeds import seed_for
from counterpoise.models.adapters import Report

if TYPE_CHECKING:
    import optuna
    from optuna.distributions import BaseDistribution

STARTUP = 5
"""So many trials have to be complete before any is pruned."""
WARMUP = 3
"""The first of so many equal parts of the longest complete trial's steps is safe: who learns slowly
starts low."""

STATES = {"COMPLETE": "complete", "PRUNED": "pruned", "FAIL": "failed"}
"""Optuna's words, and those of the table."""

Space = Mapping[str, Range | Sequence[Any]]
"""A range, or a list of choices of any kind, for every parameter."""
Value = Callable[[dict[str, Any], Report], float]
"""What a set of parameters is worth: the average precision on the validation slice, say."""
Told = Callable[[int, int, float | None], object]
"""Takes how many trials are done, of how many, and the best value so far."""


class Found(NamedTuple):
    """The result of a search.

    Attributes
    ----------
    params, value : dict and float
        The best of the complete trials, the first of them where several are equal.
    trials : list of dict
        All of them in order: `trial`, `state` (complete, pruned, failed), `value` (of a pruned one
        the last reported), `step` at which it was pruned, `params`, and the `reason` why it failed.
        Of a failed one there is no value.
    """

    params: dict[str, Any]
    value: float
    trials: list[dict[str, Any]]


class _Outcome(NamedTuple):
    """What became of a trial: its state as Optuna names it, and what it reported, by step."""

    state: str
    value: float | None
    steps: Mapping[int, float]
    reason: str = ""


def search(
    value: Value,
    space: Space,
    trials: int,
    seed: int,
    told: Told | None = None,
    first: dict[str, Any] | None = None,
) -> Found:
    """Look for the parameters with the highest value.

    Parameters
    ----------
    value : callable
        Takes the parameters of a trial and a function to report to (a step, the value so far),
        which raises `optuna.TrialPruned` when going on is not worth while. It has to give the same
        for the same parameters: a choice that is drawn again is not computed again.
    space : dict of str to Range or list
        The order of its keys is of no consequence.
    trials : int
        The budget. A search with more trials begins with those of a search with fewer.
    seed : int
    told : callable, optional
        Called after every trial.
    first : dict, optional
        What the first trial of the budget gets, in the space or not. It is never pruned, so nothing
        that is found is worse on the validation slice; Optuna does not learn from it. `{}` asks for
        the model as it is without a search.

    Raises
    ------
    ValueError
        When there is nothing to search.
    RuntimeError
        When every trial failed.
    NotApplicable
        When none of the trials could be fitted on these rows. One that cannot has failed, and
        others may do.
    CounterpoiseError
        As `value` raises it: it holds for every trial.
    """
    import optuna

    if trials < 1 or not space or not all(isinstance(d, Range) or d for d in space.values()):
        raise ValueError(
            f"a search needs a trial and something to choose from, found {trials} trials in"
            f" {dict(space)}"
        )
    distributions, longest = _distributions(space), 0
    rows: list[dict[str, Any]] = []
    best: dict[str, Any] | None = None
    with _quiet():
        study = optuna.create_study(direction="maximize")
        for n in range(trials):
            # a seed for each trial, so that it does not matter how many random numbers those before
            # it took
            study.sampler = optuna.samplers.TPESampler(seed=seed_for(seed, "trial", n))
            study.pruner = optuna.pruners.MedianPruner(STARTUP, math.ceil(longest / WARMUP))
            if n == 0 and first is not None:
                params = first
                outcome = _attempt(value, params, None)
            else:
                trial = study.ask(distributions)
                params = _params(space, trial.params)
                outcome = _known(study, trial) or _attempt(value, params, trial)
                study.tell(trial, outcome.value, optuna.trial.TrialState[outcome.state])
            pruned_at = max(outcome.steps, default=None) if outcome.state == "PRUNED" else None
            reached = outcome.value if pruned_at is None else outcome.steps[pruned_at]
            row = {"trial": n, "state": STATES[outcome.state], "value": reached, "step": pruned_at}
            rows.append(row | {"params": copy.deepcopy(params), "reason": outcome.reason})
            if outcome.state == "COMPLETE":
                longest = max(longest, *outcome.steps, 0)
                best = rows[n] if best is None or rows[n]["value"] > best["value"] else best
            if told is not None:
                told(n + 1, trials, None if best is None else best["value"])
    if best is None:
        not_applicable = all(row["reason"].startswith(NotApplicable.__name__) for row in rows)
        raise (NotApplicable if not_applicable else RuntimeError)(
            f"all {trials} trials of the search failed, the first with {rows[0]['reason']}"
        )
    return Found(copy.deepcopy(best["params"]), best["value"], rows)


def _known(study: optuna.Study, trial: optuna.Trial) -> _Outcome | None:
    """The outcome of a complete trial that drew the same, which is reported anew."""
    from optuna.trial import TrialState

    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    same = next((other for other in complete if other.params == trial.params), None)
    if same is None:
        return None
    for step, reached in same.intermediate_values.items():
        trial.report(reached, step)
    return _Outcome("COMPLETE", same.value, same.intermediate_values)


def _attempt(value: Value, params: dict[str, Any], trial: optuna.Trial | None) -> _Outcome:
    """Run a trial; one that Optuna does not know is not pruned."""
    import optuna

    steps: dict[int, float] = {}

    def report(step: int, reached: float) -> None:
        if step < 0 or (steps and step <= max(steps)):
            raise ValueError(
                f"steps count from 0 upwards, found {step} after {max(steps) if steps else 'none'}"
            )
        steps[int(step)] = _finite(reached, f" at step {step}")
        if trial is not None:
            trial.report(steps[int(step)], int(step))
            if trial.should_prune():
                raise optuna.TrialPruned

    try:  # with a copy, since a model may take what it is given apart
        return _Outcome("COMPLETE", _finite(value(copy.deepcopy(params), report)), steps)
    except optuna.TrialPruned:
        return _Outcome("PRUNED", None, steps)
    except CounterpoiseError:
        raise
    # whatever a library raises on these parameters: one trial fails, and says why
    except Exception as error:
        return _Outcome("FAIL", None, steps, reason_of(error))


def _finite(value: float, where: str = "") -> float:
    if not math.isfinite(value):
        raise FloatingPointError(f"the value is {value}{where}")
    return float(value)


def _distributions(space: Space) -> dict[str, BaseDistribution]:
    """The space as Optuna has it, in an order of its own; of a list of choices it is given the
    places."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    def distribution(dimension: Range | Sequence[Any]) -> BaseDistribution:
        if not isinstance(dimension, Range):
            return CategoricalDistribution(range(len(dimension)))
        low, high, step = dimension.low, dimension.high, dimension.step
        if dimension.whole:
            return IntDistribution(low, high, dimension.log, step or 1)  # type: ignore[arg-type]
        return FloatDistribution(low, high, dimension.log, step)

    with warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", "The distribution is specified by .* not divisible by `step`"
        )
        return {name: distribution(space[name]) for name in sorted(space)}


def _params(space: Space, drawn: dict[str, Any]) -> dict[str, Any]:
    """The parameters that were drawn: numbers as they are, and the choices that stand at the
    places."""
    dimensions = ((name, space[name], drawn[name]) for name in sorted(drawn))
    return {
        name: number if isinstance(dimension, Range) else dimension[number]
        for name, dimension, number in dimensions
    }


@contextmanager
def _quiet() -> Iterator[None]:
    """Without Optuna's line for every study and trial."""
    import optuna

    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)
