"""Search for the parameters of one fit, judged on the natural validation slice, within a budget of trials.

Trials that were pruned or that failed count as well, so the baseline and every remedy get the same number of them. What
trial n is given follows from the seed, from n and from the trials before it, and from nothing else: a search that was
killed and goes on makes the very trials that it would have made.

Optuna draws the parameters and says what is pruned. It does not keep the trials: its journal cannot be read again once
something was appended to a line that a kill cut off (`JSONDecodeError`), and the trial that was running stays in it
for good. Here a finished trial is one line and what is not a whole line is done again. Optuna is told of the lines
before each trial, whether they were written just now or by a process that was killed.

References
----------
T. Akiba, S. Sano, T. Yanase, T. Ohta, M. Koyama, "Optuna: A next-generation hyperparameter optimization framework",
KDD 2019. J. Bergstra, R. Bardenet, Y. Bengio, B. Kégl, "Algorithms for hyper-parameter optimization", NIPS 2011 (TPE).
"""

from __future__ import annotations

import copy
import json
import math
import os
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from stages import files
from stages.config import Range, seed_for
from stages.errors import CounterpoiseError, NotApplicable, no_space
from stages.remedies.learning import Report
from stages.remedies.outcome import reason_of

if TYPE_CHECKING:
    import optuna
    from optuna.distributions import BaseDistribution

STARTUP = 5
"""So many trials have to be complete before any is pruned."""
WARMUP = 3
"""The first of so many equal parts of the longest complete trial's steps is safe: who learns slowly starts low."""

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
        All of them in order: `trial`, `state` (complete, pruned, failed), `value` (of a pruned one the last reported),
        `step` at which it was pruned, `params`, and the `reason` why it failed. Of a failed one there is no value.
    """

    params: dict[str, Any]
    value: float
    trials: list[dict[str, Any]]


@dataclass(frozen=True)
class _Trial:
    """A finished trial, as a line of the journal holds it.

    Attributes
    ----------
    drawn : dict
        The number out of each range and the index of each choice; empty for parameters that are not in the space.
    steps : list of (int, float)
        What it reported.
    """

    trial: int
    drawn: dict[str, Any]
    state: Literal["complete", "pruned", "failed"]
    value: float | None
    steps: list[tuple[int, float]]
    reason: str


def search(
    value: Value, space: Space, trials: int, seed: int, journal: Path | None, told: Told | None = None,
    first: dict[str, Any] | None = None,
) -> Found:  # fmt: skip
    """Look for the parameters with the highest value.

    Parameters
    ----------
    value : callable
        Takes the parameters of a trial and a function to report to (a step, the value so far), which raises
        `optuna.TrialPruned` when going on is not worth while. It has to give the same for the same parameters: a choice
        that is drawn again is not computed again.
    space : dict of str to Range or list
        The order of its keys is of no consequence.
    trials : int
        The budget. A search with more trials begins with those of a search with fewer.
    seed : int
    journal : Path or None
        Where finished trials are kept, for one process at a time. It stays when the search is over, so that nothing is
        lost before the result is kept elsewhere: the caller deletes it then. Trials of another search (space, seed,
        `first` or Optuna's version) that it may hold are dropped.
    told : callable, optional
        Called at the start when there are trials in the journal, and after every trial.
    first : dict, optional
        What the first trial of the budget gets, in the space or not; it is never pruned, so nothing that is found is
        worse on the validation slice. `{}` asks for the model as it is without a search.

    Raises
    ------
    ValueError
        When there is nothing to search.
    RuntimeError
        When every trial failed; the journal is gone, so that the next search tries again.
    NotApplicable
        When none of the trials could be fitted on these rows. One that cannot has failed, and others may do.
    CounterpoiseError
        As `value` raises it: it holds for every trial.
    """
    import optuna

    if trials < 1 or not space or not all(isinstance(d, Range) or d for d in space.values()):
        raise ValueError(f"a search needs a trial and something to choose from, found {trials} trials in {dict(space)}")
    described = {name: d.model_dump() if isinstance(d, Range) else list(d) for name, d in space.items()}
    header = files.canonical({"optuna": optuna.__version__, "space": described, "seed": seed, "first": first})
    distributions = _distributions(space)

    def params_of(n: int, drawn: dict[str, Any]) -> dict[str, Any]:
        """A copy, since a model may take what it is given apart."""
        return copy.deepcopy(_params(space, drawn) if n > 0 or first is None else first)

    done = [] if journal is None else _kept(journal, header)[:trials]
    if done and told is not None:
        told(len(done), trials, _best(done))
    with _quiet():
        while (n := len(done)) < trials:
            study = _study(done, distributions, seed_for(seed, "trial", n))
            asked = None if n == 0 and first is not None else study.ask(distributions)
            drawn = _drawn(space, first or {}, distributions) if asked is None else asked.params
            known = next((trial for trial in done if trial.state == "complete" and trial.drawn == drawn), None)
            trial = replace(known, trial=n) if known else _attempt(n, drawn, value, params_of(n, drawn), asked)
            done.append(trial)
            if journal is not None:
                _keep(journal, header, trial)
            if told is not None:
                told(len(done), trials, _best(done))
    best = _best(done)
    if best is None:
        if journal is not None:
            journal.unlink(missing_ok=True)
        told_by_all = all(trial.reason.startswith(NotApplicable.__name__) for trial in done)
        raise (NotApplicable if told_by_all else RuntimeError)(
            f"all {trials} trials of the search failed, the first with {done[0].reason}"
        )
    winner = next(trial for trial in done if trial.value == best)
    rows = [_row(trial, params_of(trial.trial, trial.drawn)) for trial in done]
    return Found(params_of(winner.trial, winner.drawn), best, rows)


def _attempt(n: int, drawn: dict[str, Any], value: Value, params: dict[str, Any], asked: optuna.Trial | None) -> _Trial:
    """Run a trial; one that was not asked of Optuna is not pruned either."""
    import optuna

    steps: list[tuple[int, float]] = []

    def report(step: int, reached: float) -> None:
        if step < 0 or (steps and step <= steps[-1][0]):
            raise ValueError(f"steps count from 0 upwards, found {step} after {steps[-1][0] if steps else 'none'}")
        steps.append((int(step), _finite(reached, f" at step {step}")))
        if asked is not None:
            asked.report(steps[-1][1], steps[-1][0])
            if asked.should_prune():
                raise optuna.TrialPruned

    try:
        return _Trial(n, drawn, "complete", _finite(value(params, report)), steps, "")
    except optuna.TrialPruned:
        return _Trial(n, drawn, "pruned", None, steps, "")
    except CounterpoiseError:
        raise
    except Exception as error:  # whatever a library raises on these parameters: one trial fails, and says why
        return _Trial(n, drawn, "failed", None, steps, reason_of(error))


def _finite(value: float, where: str = "") -> float:
    if not math.isfinite(value):
        raise FloatingPointError(f"the value is {value}{where}")
    return float(value)


def _best(done: list[_Trial]) -> float | None:
    return max((trial.value for trial in done if trial.value is not None), default=None)


def _row(trial: _Trial, params: dict[str, Any]) -> dict[str, Any]:
    """A trial as a row of the table."""
    step, value = trial.steps[-1] if trial.state == "pruned" and trial.steps else (None, trial.value)
    return {"trial": trial.trial, "state": trial.state, "value": value, "step": step, "params": params,
            "reason": trial.reason}  # fmt: skip


def _distributions(space: Space) -> dict[str, BaseDistribution]:
    """The space as Optuna has it, in an order of its own; of a list of choices it is given the places."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    def distribution(dimension: Range | Sequence[Any]) -> BaseDistribution:
        if not isinstance(dimension, Range):
            return CategoricalDistribution(range(len(dimension)))
        low, high, step = dimension.low, dimension.high, dimension.step
        if dimension.whole:
            return IntDistribution(low, high, dimension.log, step or 1)  # type: ignore[arg-type]
        return FloatDistribution(low, high, dimension.log, step)

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The distribution is specified by .* not divisible by `step`")
        return {name: distribution(space[name]) for name in sorted(space)}


def _params(space: Space, drawn: dict[str, Any]) -> dict[str, Any]:
    """The parameters that were drawn: numbers as they are, and the choices that stand at the places."""
    dimensions = ((name, space[name], drawn[name]) for name in sorted(drawn))
    return {
        name: number if isinstance(dimension, Range) else dimension[number] for name, dimension, number in dimensions
    }


def _drawn(space: Space, params: dict[str, Any], distributions: dict[str, BaseDistribution]) -> dict[str, Any]:
    """What would have to be drawn for these parameters; nothing where the space does not have them."""
    from optuna.trial import create_trial

    try:
        drawn = {
            name: params[name] if isinstance(dimension, Range)
            else [files.canonical(choice) for choice in dimension].index(files.canonical(params[name]))
            for name, dimension in sorted(space.items())
        }  # fmt: skip
        create_trial(params=drawn, distributions=distributions, value=0.0)
    except (KeyError, ValueError):
        return {}
    return drawn if len(params) == len(drawn) else {}


def _study(done: list[_Trial], distributions: dict[str, BaseDistribution], seed: int) -> optuna.Study:
    """What Optuna knows when it draws a trial: those before it, wherever they come from."""
    import optuna
    from optuna.trial import TrialState, create_trial

    longest = max((trial.steps[-1][0] for trial in done if trial.state == "complete" and trial.steps), default=0)
    study = optuna.create_study(
        direction="maximize",
        sampler=optuna.samplers.TPESampler(seed=seed),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=STARTUP, n_warmup_steps=math.ceil(longest / WARMUP)),
    )
    for trial in done:
        if trial.drawn and trial.state != "failed":
            state = TrialState.COMPLETE if trial.state == "complete" else TrialState.PRUNED
            study.add_trial(create_trial(state=state, value=trial.value, params=trial.drawn, distributions=distributions,
                                         intermediate_values=dict(trial.steps)))  # fmt: skip
    return study


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


def _kept(journal: Path, header: str) -> list[_Trial]:
    """The trials of this search in a journal, which is cut where they end."""
    content = journal.read_bytes() if journal.is_file() else b""
    lines = content.split(b"\n")[:-1]
    mine = lines[:1] == [header.encode()]
    found: list[_Trial] = []
    for line in lines[1:] if mine else []:
        try:
            trial = _Trial(**json.loads(line))
            trial = replace(trial, steps=[(step, reached) for step, reached in trial.steps])
        except (ValueError, TypeError):
            break
        if trial.trial != len(found):
            break
        found.append(trial)
    whole = sum(len(line) + 1 for line in lines[: mine + len(found)])
    if whole < len(content):
        os.truncate(journal, whole)
    return found


def _keep(journal: Path, header: str, trial: _Trial) -> None:
    """Append a trial; to a journal that is empty, what it is a journal of first."""
    journal.parent.mkdir(parents=True, exist_ok=True)
    line = json.dumps(asdict(trial), allow_nan=False, separators=(",", ":"))
    try:
        with journal.open("ab") as file:
            file.write((f"{line}\n" if file.tell() else f"{header}\n{line}\n").encode())
    except OSError as error:
        raise (no_space(error, str(journal)) or error) from error
