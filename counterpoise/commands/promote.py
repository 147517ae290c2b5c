"""Make a dataset's best combination its champion, if it beats the present one on the same rows.

The combination is the one that the report recommends, or one that is named. It is better or not by
the question that the dataset's `goal` asks. It is fitted on all rows (by the stage `advise`, or
here), with recalibrated probabilities and a threshold. It is saved in files that run no code when
they are read, and registered in MLflow with the alias `champion` and a model card.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from counterpoise.core import config, files, paths
from counterpoise.core.config import Goal, Params
from counterpoise.core.errors import ResultError
from counterpoise.core.revision import revision
from counterpoise.core.seeds import seed_for
from counterpoise.data import tables
from counterpoise.tracking import manifest, store
from counterpoise.tracking.manifest import RunManifest

if TYPE_CHECKING:
    import pandas as pd

    from counterpoise.champion.bundle import Champion
    from counterpoise.champion.card import CardFacts
    from counterpoise.champion.contest import ContestResult
    from counterpoise.champion.making import Candidate
    from counterpoise.champion.rules import RuleName
    from counterpoise.data.tables import Table
    from counterpoise.tracking.registry import Registry

# scikit-learn and mlflow take seconds to import. Functions import them when they need them, so that
# a mistake in the command line is reported at once.

EXAMPLE_ROWS = 5
"""Rows of the table that the registered model stores as an input example."""


def promote(
    made: RunManifest,
    registry: Registry,
    *,
    strategy: str | None,
    model: str | None,
    rule: RuleName | None,
    replace: bool,
) -> str:
    """Choose a combination, compare it with the present champion, refit, verify and register it.

    Parameters
    ----------
    made : RunManifest
        The manifest of the dataset's results.
    registry : Registry
        The registered models of the dataset.
    strategy, model : str or None
        The keys of the combination; both None for the one that the report recommends.
    rule : {"half", "tuned", "cost", "cost_empirical"}, optional
        The threshold rule; by default the one that the report shows the combination with.
    replace : bool
        Promote the combination even if it does not beat the present champion, or if the present
        champion cannot be read.

    Returns
    -------
    str
        A message on what was done.

    Raises
    ------
    ResultError
        When the combination has no result, its stored scores are not those that were evaluated, the
        present champion cannot be read, or the saved model does not score as the fitted one does.
    ConfigurationError
        When there is no such combination, or the store cannot be used.
    TableError
        When the misclassification costs of some row are invalid.
    StorageError
        When the store cannot be reached.
    """
    from counterpoise.champion import advising
    from counterpoise.champion.card import CardFacts, card
    from counterpoise.champion.contest import judge
    from counterpoise.champion.evidence import Evidence
    from counterpoise.champion.making import make, prove
    from counterpoise.champion.refit import on_all_rows
    from counterpoise.champion.selection import chosen
    from counterpoise.evaluation import advice
    from counterpoise.evaluation.summary import deciding_rule
    from counterpoise.tracking.registry import Entry

    name, folder = made.dataset, paths.evaluation(made.dataset)
    board, decisions = (
        files.read_csv(folder / "leaderboard.csv"),
        files.read_csv(folder / "decisions.csv"),
    )
    about = files.read_json(folder / "dataset.json")
    cell, goal = chosen(board, about, strategy, model), about["goal"]
    rule = rule or deciding_rule(decisions, *cell)
    facts = files.read_json(paths.facts(name))
    shown = CardFacts.of(board, decisions, about, cell, rule)
    table, average_precision = tables.read(paths.table(name)), shown.board["average_precision"]
    evidence = Evidence.read(made.params, name, cell, table, rule, float(average_precision))
    key = made.keys["/".join(cell)]
    identity = advising.identity_of(made.params, name, cell, key, made.data_md5, evidence)
    if strategy is None:
        for sentence in advice.others(about):
            print(f"{name}: the goal is {goal}; another question has another answer. {sentence}")
    with registry.entered():
        before = registry.present()
        present = None if before is None else _read(registry, before, replace=replace)
        seed = seed_for(made.params.seed, name, "champion")
        outcome = judge(identity.cell, identity.cell_key, evidence, table, present, goal, seed)
        if before is not None and present is None:
            outcome = _unread(identity.cell, before.version)
        print(outcome.message)
        if not (outcome.wins or replace):
            return f"{name}: the champion stays; nothing is registered"
        fit = advising.read_fit(identity)
        if fit is None:
            print(f"{name}: {identity.cell} is fitted on all rows")
            margins = evidence.tested.costs.cost_margins
            fit = on_all_rows(made.params, name, cell, table, margins)
        else:
            print(f"{name}: the stage `advise` has fitted {identity.cell} on all rows")
        identity = dataclasses.replace(identity, commit=revision().commit)
        champion = make(made.params, identity, table, evidence, facts["schema"], rule, fit)
        with tempfile.TemporaryDirectory(prefix="counterpoise-") as place:
            bundle = Path(place) / "bundle"
            champion.champion.save(bundle)
            prove(champion.champion, bundle, table)
            replaced = replace and not outcome.wins
            entry = Entry(
                champion.champion,
                bundle,
                example(champion.champion, table),
                card(champion, shown, outcome, replaced=replaced),
                metrics(shown, rule, outcome),
                tags(champion, outcome, goal, replaced=replaced),
            )
            version = registry.register(entry)
    deciding = champion.champion.rule
    threshold = (
        f"a score of {deciding.threshold:.6g}"
        if deciding.threshold is not None
        else "the lower expected cost of each row"
    )
    return (
        f"{name}: {identity.cell} is the champion now, {version.name} version {version.version} at"
        f" {registry.store.shown}; it decides by {threshold} (rule {rule})"
    )


def _read(registry: Registry, version: Any, *, replace: bool) -> Champion | None:
    """Read the present champion; None where it cannot be read and is to be replaced anyway."""
    try:
        return registry.champion(version)
    except ResultError:
        if replace:
            return None
        raise


def _unread(cell: str, version: str) -> ContestResult:
    """The outcome of the contest where the present champion cannot be read."""
    from counterpoise.champion.contest import ContestResult

    return ContestResult(
        "not comparable",
        f"{cell} is not compared with the champion, version {version}, which cannot be read.",
    )


def example(champion: Champion, table: Table) -> pd.DataFrame:
    """Take some rows of the table as a scoring request would send them.

    Parameters
    ----------
    champion : Champion
    table : Table

    Returns
    -------
    DataFrame
        At most `EXAMPLE_ROWS` rows under the column names of the champion's schema; categories are
        texts.
    """
    import numpy as np

    frame = champion.schema.frame(table, np.arange(min(EXAMPLE_ROWS, len(table))))
    # the model's signature in MLflow has strings where the table has categories
    for name in champion.schema.texts:
        frame[name] = frame[name].astype(object)
    return frame


def metrics(shown: CardFacts, rule: RuleName, outcome: ContestResult) -> dict[str, float]:
    """Collect the numbers of the model card.

    Parameters
    ----------
    shown : CardFacts
        The combination's rows of the leaderboard and of the decisions.
    rule : {"half", "tuned", "cost", "cost_empirical"}
        The threshold rule, the prefix of the decision's metrics.
    outcome : ContestResult
        The comparison with the present champion.

    Returns
    -------
    dict of str to float
        Ranking metrics with their intervals, counts and rates at the threshold, and the difference
        from the present champion. Missing values are left out.
    """
    from counterpoise.champion.card import MEASURES
    from counterpoise.evaluation.summary import missing

    numbers = {
        f"{name}{end}": shown.board[f"{name}{end}"]
        for name in MEASURES
        for end in ("", "_low", "_high")
    }
    numbers |= {
        f"{rule}.{name}": shown.decision[name]
        for name in (
            "threshold",
            "tn",
            "fp",
            "fn",
            "tp",
            "precision",
            "recall",
            "f1",
            "mcc",
            "expected_cost",
        )
    }
    if outcome.difference is not None:
        numbers |= {
            "delta_champion": outcome.difference.value,
            "delta_champion_low": outcome.difference.low,
            "delta_champion_high": outcome.difference.high,
        }
    return {name: float(value) for name, value in numbers.items() if not missing(value)}


def tags(made: Candidate, outcome: ContestResult, goal: Goal, *, replaced: bool) -> dict[str, str]:
    """Collect the tags by which a registered version is found.

    The key of the combination is not tagged `cell_key`, since that tag marks a run of `track`.

    Parameters
    ----------
    made : Candidate
        The champion.
    outcome : ContestResult
        The comparison with the present champion.
    goal : {"ranking", "roc_auc", "probabilities", "cost"}
        The question that it went by.
    replaced : bool
        Whether --replace promoted it although it did not win.

    Returns
    -------
    dict of str to str
    """
    identity = made.champion.identity
    return {
        "dataset": identity.dataset,
        "strategy": identity.strategy,
        "model": identity.model,
        "rule": made.champion.rule.name,
        "format": made.champion.format,
        "promoted_cell_key": identity.cell_key,
        "data_md5": identity.data_md5,
        "git_commit": identity.commit,
        "contest": outcome.kind,
        "goal": goal,
        "replaced": str(replaced).lower(),
    }


def changed_since(made: RunManifest, now: Params) -> bool:
    """Whether params.yaml now asks for other results of this dataset than the existing ones.

    Parameters
    ----------
    made : RunManifest
        The manifest of the existing results.
    now : Params
        The present parameters.

    Returns
    -------
    bool
    """
    name, then = made.dataset, made.params
    asked = [
        (
            params.seed,
            params.strategies,
            params.models,
            params.dataset(name),
            params.split_of(name),
            params.goal_of(name),
        )
        for params in (then, now)
    ]
    return asked[0] != asked[1]


def main() -> int:
    """Read the command line and promote a combination.

    Returns
    -------
    int
        The exit status, 0; every failure is an exception.
    """
    parser = argparse.ArgumentParser(
        prog="python -m counterpoise promote",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("dataset", help="a key of params.yaml: datasets")
    parser.add_argument(
        "--strategy",
        help="with --model: the combination to promote, instead of the recommended one",
    )
    parser.add_argument("--model", help="with --strategy")
    parser.add_argument(
        "--rule",
        choices=("half", "tuned", "cost", "cost_empirical"),
        help=(
            "how the threshold is chosen (params.yaml: thresholds); default: cost where the"
            " dataset's goal is cost, else tuned"
        ),
    )
    parser.add_argument(
        "--replace",
        action="store_true",
        help="promote it even if it does not beat the present champion; the card records it",
    )
    arguments = parser.parse_args()
    params = config.load()
    params.dataset(arguments.dataset)
    target = store.chosen(os.environ)
    made = manifest.read(arguments.dataset)
    if changed_since(made, params):
        print(
            f"{arguments.dataset}: {paths.PARAMS} has changed since; the champion is made as its"
            " results were"
        )
    from counterpoise.tracking.registry import Registry

    registry = Registry(store=target, dataset=arguments.dataset)
    print(
        promote(
            made,
            registry,
            strategy=arguments.strategy,
            model=arguments.model,
            rule=arguments.rule,
            replace=arguments.replace,
        )
    )
    return 0
