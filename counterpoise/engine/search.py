"""Search for the parameters of one fit with a budget of trials, judged on the validation rows.

Optuna draws the parameters and decides what is pruned. Pruned and failed trials count too, so the
baseline and every remedy get the same number of trials. Trial n depends only on the seed, n and the
trials before it.

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

MIN_COMPLETE_TRIALS = 5
"""Complete trials before any is pruned."""
WARMUP_PARTS = 3
"""Number of equal parts of the longest complete trial's steps; none is pruned in the first.

Slow learners start with low values.
"""

STATES = {"COMPLETE": "complete", "PRUNED": "pruned", "FAIL": "failed"}
"""Optuna's names of a trial's states, and ours."""

Space = Mapping[str, Range | Sequence[Any]]
"""For every parameter a range, or a list of choices of any kind."""
Value = Callable[[dict[str, Any], Report], float]
"""Evaluates a set of parameters, such as by the average precision on the validation rows."""
ProgressReport = Callable[[int, int, float | None], object]
"""Takes the number of trials done, the number of all trials, and the best value so far."""


class SearchResult(NamedTuple):
    """The result of a search.

    Attributes
    ----------
    params, value : dict and float
        The best complete trial's; of several equal ones the first.
    trials : list of dict
        All of them in order, each with these keys:

        - `trial`: its number, from 0;
        - `state`: complete, pruned or failed;
        - `value`: of a pruned trial the last that it reported, of a failed one None;
        - `step`: the step at which it was pruned;
        - `params`;
        - `reason`: why it failed.
    """

    params: dict[str, Any]
    value: float
    trials: list[dict[str, Any]]


class _Outcome(NamedTuple):
    """A trial's state as Optuna names it, its value, and the values it reported by step."""

    state: str
    value: float | None
    steps: Mapping[int, float]
    reason: str = ""


def search(
    value: Value,
    space: Space,
    trials: int,
    seed: int,
    on_progress: ProgressReport | None = None,
    first: dict[str, Any] | None = None,
) -> SearchResult:
    """Search for the parameters with the highest value.

    Parameters
    ----------
    value : callable
        Takes the parameters of a trial and a report function, and returns the trial's value. The
        report function takes a step and the value so far, and raises `optuna.TrialPruned` to end
        the trial. Equal parameters must give equal values: a choice that is drawn again is not
        computed again.
    space : dict of str to Range or list
        The order of its keys does not matter.
    trials : int
        The budget. A search with more trials begins with those of a search with fewer.
    seed : int
    on_progress : callable, optional
        Called after every trial.
    first : dict, optional
        The parameters of the first trial, inside or outside the space. That trial is never pruned,
        so no result is worse on the validation rows; Optuna does not learn from it. `{}` stands for
        the model without a search.

    Returns
    -------
    SearchResult

    Raises
    ------
    ValueError
        When there is nothing to search.
    RuntimeError
        When every trial failed.
    NotApplicable
        When no trial could be fitted on these rows. A single trial that cannot be fitted counts as
        failed.
    CounterpoiseError
        As `value` raises it: it holds for every trial.
    """
    import optuna

    if trials < 1 or not space or not all(isinstance(d, Range) or d for d in space.values()):
        raise ValueError(
            f"a search needs a trial and a parameter with values, found {trials} trials in"
            f" {dict(space)}"
        )
    distributions, longest = _distributions(space), 0
    rows: list[dict[str, Any]] = []
    best: dict[str, Any] | None = None
    with _quiet():
        study = optuna.create_study(direction="maximize")
        for n in range(trials):
            # a seed for each trial, independent of how many random numbers earlier trials drew
            study.sampler = optuna.samplers.TPESampler(seed=seed_for(seed, "trial", n))
            # the longest trial so far is known only now, so the pruner is made anew as well
            study.pruner = optuna.pruners.MedianPruner(
                MIN_COMPLETE_TRIALS, math.ceil(longest / WARMUP_PARTS)
            )
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
            if on_progress is not None:
                on_progress(n + 1, trials, None if best is None else best["value"])
    if best is None:
        not_applicable = all(row["reason"].startswith(NotApplicable.__name__) for row in rows)
        raise (NotApplicable if not_applicable else RuntimeError)(
            f"all {trials} trials of the search failed, the first with {rows[0]['reason']}"
        )
    return SearchResult(copy.deepcopy(best["params"]), best["value"], rows)


def _known(study: optuna.Study, trial: optuna.Trial) -> _Outcome | None:
    """Repeat the outcome of a complete trial with the same parameters, if there is one."""
    from optuna.trial import TrialState

    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    same = next((other for other in complete if other.params == trial.params), None)
    if same is None:
        return None
    for step, reached in same.intermediate_values.items():
        trial.report(reached, step)
    return _Outcome("COMPLETE", same.value, same.intermediate_values)


def _attempt(value: Value, params: dict[str, Any], trial: optuna.Trial | None) -> _Outcome:
    """Run a trial. Without a trial of Optuna it cannot be pruned."""
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

    try:  # with a copy, since a model may modify its parameters
        return _Outcome("COMPLETE", _finite(value(copy.deepcopy(params), report)), steps)
    except optuna.TrialPruned:
        return _Outcome("PRUNED", None, steps)
    except CounterpoiseError:
        raise
    # a library may raise anything on these parameters: the trial fails with the reason
    except Exception as error:
        return _Outcome("FAIL", None, steps, reason_of(error))


def _finite(value: float, where: str = "") -> float:
    if not math.isfinite(value):
        raise FloatingPointError(f"the value is {value}{where}")
    return float(value)


def _distributions(space: Space) -> dict[str, BaseDistribution]:
    """The space in Optuna's types, sorted by name.

    Of a list of choices Optuna gets the positions, since it takes only simple types as choices.
    """
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
    """The parameters drawn, with choices looked up by their positions."""
    dimensions = ((name, space[name], drawn[name]) for name in sorted(drawn))
    return {
        name: number if isinstance(dimension, Range) else dimension[number]
        for name, dimension, number in dimensions
    }


@contextmanager
def _quiet() -> Iterator[None]:
    """Suppress Optuna's log lines for studies and trials."""
    import optuna

    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)
