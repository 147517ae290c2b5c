"""The model card: a champion's data, method, results, intended use and limits, in Markdown."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import pandas as pd

from counterpoise.champion.contest import ContestResult
from counterpoise.champion.making import Candidate
from counterpoise.core.files import canonical
from counterpoise.evaluation.summary import interval, missing, number, signed

MEASURES = {
    "average_precision": "average precision",
    "roc_auc": "area under the ROC curve",
    "brier_corrected": "Brier score of the probabilities",
    "log_loss_corrected": "log loss of the probabilities",
}
COUNTS = {
    "tp": "true positives",
    "fp": "false positives",
    "fn": "false negatives",
    "tn": "true negatives",
}
FORMATS = {
    "xgboost": "XGBoost's own JSON, trees as numbers; reading it runs no code.",
    "keras": (
        "Keras's own archive, read in its safe mode, and JSON; reading them runs no code of theirs."
    ),
    "autoencoder": (
        "Keras's own archive, read in its safe mode, and JSON; reading them runs no code of theirs."
    ),
    "autoencoder_xgboost": (
        "Keras's own archive, read in its safe mode, and XGBoost's JSON; reading them runs no code"
        " of theirs."
    ),
    "skops": (
        "skops: arrays and names of types. It is read only where each type is one that is named"
        " beforehand."
    ),
}


@dataclass(frozen=True)
class CardFacts:
    """The evaluation results of one combination.

    Attributes
    ----------
    board : dict
        The combination's row of the leaderboard.
    decision : dict
        Its row of the decisions at the champion's threshold rule.
    facts : dict
        Facts of the dataset, as `evaluate` wrote them.
    """

    board: dict[str, Any]
    decision: dict[str, Any]
    facts: dict[str, Any]

    @classmethod
    def of(
        cls,
        board: pd.DataFrame,
        decisions: pd.DataFrame,
        facts: dict[str, Any],
        cell: tuple[str, str],
        rule: str,
    ) -> CardFacts:
        """Select the rows of one combination.

        Parameters
        ----------
        board, decisions : DataFrame
            The dataset's leaderboard and decisions.
        facts : dict
            Facts of the dataset.
        cell : (str, str)
            Strategy and model; they have a row in both tables.
        rule : {"half", "tuned", "cost", "cost_empirical"}
            The threshold rule.

        Returns
        -------
        CardFacts
        """

        def mine(table: pd.DataFrame) -> pd.DataFrame:
            return table[(table["strategy"] == cell[0]) & (table["model"] == cell[1])]

        of_rule = mine(decisions)[mine(decisions)["rule"] == rule]
        first = {str(name): value for name, value in mine(board).iloc[0].items()}
        return cls(first, {str(name): value for name, value in of_rule.iloc[0].items()}, facts)


def card(made: Candidate, shown: CardFacts, outcome: ContestResult, *, replaced: bool) -> str:
    """Write the model card.

    Parameters
    ----------
    made : Candidate
        The champion and how it was fitted.
    shown : CardFacts
        The evaluation results of its combination.
    outcome : ContestResult
        The comparison with the previous champion.
    replaced : bool
        Whether --replace promoted it despite the outcome.

    Returns
    -------
    str
        Markdown that ends with a newline.
    """
    champion, board, facts = made.champion, shown.board, shown.facts
    identity, rule = champion.identity, champion.rule
    level = f"{100 * facts['level']:.0f} %"
    used = identity.params
    lines = [
        f"# {identity.cell}, champion of {identity.dataset}",
        (
            f"It gives each row the probability that {code(identity.target)} is"
            f" {code(identity.positive)}, and a decision."
        ),
        "## Data",
        (
            f"{facts['rows']:,} rows, {facts['positives']:,} of them positive"
            f" ({facts['prevalence']:.2%}), {len(champion.schema.columns)} features"
            f" ({_kinds(made)}), {facts['missing_values']:,} missing values. DVC's md5 of the table"
            f" is `{identity.data_md5}`, the commit `{identity.commit}`.{_data_checks(facts)}"
        ),
        "## Remedy and model",
        f"- strategy `{identity.strategy}`: {code(canonical(used['strategy']))}",
        f"- model `{identity.model}`: {code(canonical(used['model']))}"
        + (
            f", and the parameters from a search: {code(canonical(used['found']))}"
            if used.get("found")
            else ""
        ),
        f"- level of the remedy: {board['level']}; seed {identity.seed}",
        _fitted(made),
        *(f"- warning of the library: {note}" for note in made.notes),
        "## Probability and decision",
        _corrected(made),
        (
            f"A row is decided positive by the rule `{rule.name}`:"
            f" {rule.description}{_threshold(made)}. Recalibration and threshold come from the"
            " scores of held-out rows, by models that were fitted on fewer rows than the champion"
            " was."
        ),
        "## Results",
        (
            "The champion itself was not tested: no row was left out of it. The numbers are those"
            " of its combination, whose models were fitted and tested in"
            f" {board['folds']:.0f} folds (`{canonical(facts['split'])}`), with {level} intervals."
        ),
        _table(
            ["measure", "value", f"{level} interval"],
            [
                [text, number(board[name]), interval(board[f"{name}_low"], board[f"{name}_high"])]
                for name, text in MEASURES.items()
            ],
        ),
        _decided(shown),
        _against_baseline(board),
        f"**How it became champion.** {outcome.message}"
        + (" It was promoted with --replace." if replaced else ""),
        "## Intended use",
        (
            f"Rows like those of {identity.dataset}: the same columns with the same meaning, drawn"
            " the same way, with about the same share of positives. The probability serves"
            " decisions with other costs than those used here; the decision serves the rule"
            " above."
        ),
        "## Limits",
        (
            "- Where the share of positives or the meaning of a column changes, the probabilities"
            " are wrong, and nothing here detects it. Compare them with the outcomes."
        ),
        (
            "- The combination was chosen among several for its result, so the result is slightly"
            " too good on average."
        ),
        "- A category that was not in the training rows counts as a missing value.",
        "- Groups of people were not compared: fairness is not checked.",
        *_of_kind(made),
        "## Files",
        (
            f"The model is kept in {FORMATS[champion.format]} The other files are JSON and Parquet."
            " MLflow's own loader imports the scoring code that is kept beside the model; `python"
            " -m counterpoise score` uses that of its own repository. The folder also holds some"
            " rows of the table as an example of a request."
        ),
    ]
    return _paragraphs(lines) + "\n"


def code(text: str) -> str:
    """Show a text as it is in Markdown, whatever it holds.

    Parameters
    ----------
    text : str

    Returns
    -------
    str
        A code span of CommonMark; with quotes and escapes where the text is blank or has signs that
        cannot be shown.

    Examples
    --------
    >>> print(code("yes"), code("a`b"), code("two\\nlines"))
    `yes` ``a`b`` `'two\\nlines'`
    """
    shown = text if text.isprintable() and text.strip() else repr(text)
    fence = "`" * (max(map(len, re.findall("`+", shown)), default=0) + 1)
    blank = " " * (shown[0] in "` " or shown[-1] in "` ")
    return f"{fence}{blank}{shown}{blank}{fence}"


def _paragraphs(lines: list[str]) -> str:
    """Join lines by empty lines, adjacent list items by a newline; empty lines are left out."""
    text = ""
    for before, line in zip(["", *lines], filter(None, lines), strict=False):
        together = line.startswith("- ") and before.startswith("- ")
        text += ("\n" if together else "\n\n") * bool(text) + line
    return text


def _kinds(made: Candidate) -> str:
    kinds = [column.kind for column in made.champion.schema.columns]
    names = {
        "number": "numbers",
        "category": "categories",
        "boolean": "booleans",
        "datetime": "dates",
    }
    return ", ".join(f"{kinds.count(kind)} {text}" for kind, text in names.items() if kind in kinds)


def _data_checks(facts: dict[str, Any]) -> str:
    serious = [
        f["kind"]
        for f in facts.get("defects", {}).get("findings", [])
        if f["severity"] == "serious"
    ]
    return (
        f" Serious findings of the data checks: {', '.join(dict.fromkeys(serious))}."
        if serious
        else ""
    )


def _fitted(made: Candidate) -> str:
    facts = made.champion.identity.facts
    text = (
        f"- fitted on {facts['rows_fitted']:,.0f} rows, {facts['positives_fitted']:,.0f} of them"
        f" positive, made from {made.rows - made.validation:,} rows"
    )
    if made.validation:
        return (
            f"{text}; {made.validation:,} rows stayed out of the fit, since the model stops early"
            " or searches on them"
        )
    return f"{text}, which are all rows of the table"


def _corrected(made: Candidate) -> str:
    calibrator = made.champion.calibrator
    text = {
        "none": "The probability is the model's own score.",
        "exact": (
            "The probability is the score recalibrated by the formula for odds multiplied by"
            f" {calibrator.factor:.4g}."
        ),
        "approximate": (
            "The probability is the score recalibrated by the formula for odds multiplied by"
            f" {calibrator.factor:.4g}, which holds approximately."
        ),
        "sigmoid": (
            "The probability is the score recalibrated by a sigmoid (log odds times"
            f" {calibrator.slope:.4g} plus {calibrator.intercept:.4g}), fitted on held-out scores."
        ),
        "isotonic": (
            "The probability is the score recalibrated by isotonic regression on held-out scores,"
            " which makes ties."
        ),
    }[calibrator.kind]
    losses = ", ".join(f"{kind} {number(loss)}" for kind, loss in made.choice.losses.items())
    if not losses:
        return text
    return (
        f"{text} It was chosen by log loss on these scores, as the simplest within one standard"
        f" error of the best: {losses}."
    )


def _threshold(made: Candidate) -> str:
    rule, probability = made.champion.rule, made.champion.probability_at_threshold
    if rule.threshold is None or probability is None:
        return f" ({code(canonical(rule.costs))})"
    return f", from a score of {rule.threshold:.6g} on, which is a probability of {probability:.6g}"


def _decided(shown: CardFacts) -> str:
    row = shown.decision
    if missing(row.get("tp")):
        return f"At the rule `{row['rule']}` the evaluation has no decisions: {row['reason']}."
    counts = ", ".join(f"{int(row[name]):,} {text}" for name, text in COUNTS.items())
    names = ("precision", "recall", "specificity", "f1", "mcc", "expected_cost")
    rates = ", ".join(
        f"{name.replace('_', ' ')} {number(row[name])}" for name in names if not missing(row[name])
    )
    return f"Decisions at the rule `{row['rule']}`, summed over folds: {counts}; {rates}."


def _against_baseline(board: dict[str, Any]) -> str:
    """The comparison with the baseline, in one sentence."""
    if missing(board.get("difference")):
        return (
            ""
            if board["level"] != "none"
            else "It is the baseline: only its threshold takes the imbalance into account."
        )
    low, high = board["difference_low"], board["difference_high"]
    return (
        f"Difference from the baseline {board['plain_model']}: {signed(board['difference'])} in"
        f" average precision ({interval(low, high, signed)}); verdict: {board['verdict']}."
    )


def _of_kind(made: Candidate) -> list[str]:
    """Limits that follow from the kind of model."""
    kind = made.champion.kind
    if kind in ("nearest_neighbors", "svm"):
        return [
            "- The model holds rows of the table themselves: whoever has the file has these rows."
        ]
    if kind in ("autoencoder", "isolation_forest"):
        return ["- The score says how unusual a row is; its probability is that, recalibrated."]
    return []


def _table(head: list[str], rows: list[list[str]]) -> str:
    return "\n".join("| " + " | ".join(row) + " |" for row in [head, ["---"] * len(head), *rows])
