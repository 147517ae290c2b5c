"""What each data check is called, why its finding matters, and how to reduce the risk.

A code stays with its check and is never given to another one. Its first digit says what is looked
at: 1 rows, 2 columns, 3 what features reveal of the label, 4 the split, 5 labels.
docs/data_checks.md has a section for each code.
"""

from __future__ import annotations

from typing import NamedTuple

PAGE = "docs/data_checks.md"


class Check(NamedTuple):
    """The texts of one data check.

    Attributes
    ----------
    code : str
        Stable, such as "CP101".
    title : str
        Letters, blanks and hyphens alone, since an anchor is made of it.
    why : str
        Why a finding matters: one sentence.
    todo : str
        How to reduce the risk, with the key of params.yaml; `$name` stands for what a finding gives
        under that name.
    """

    code: str
    title: str
    why: str
    todo: str

    @property
    def docs(self) -> str:
        """Where the check is explained.

        Returns
        -------
        str
            A path with an anchor, from the folder of params.yaml.
        """
        return f"{PAGE}#{self.code} {self.title}".lower().replace(" ", "-")


CHECKS: dict[str, Check] = {
    "duplicates": Check(
        "CP101",
        "Duplicates",
        "A row that is repeated weighs more in every fit, and may lie on both sides of a split.",
        "Remove copies that a join or an export has made. Rows that are equal by nature stay, and"
        " `split: {scheme: grouped}` keeps them together.",
    ),
    "contradictions": Check(
        "CP102",
        "Duplicates with both labels",
        "No model can separate rows with equal features, so they limit every score.",
        "Look these rows up: one of the labels is wrong, or a column that separates them is"
        " missing or stands under `drop`.",
    ),
    "near_duplicates": Check(
        "CP103",
        "Near-duplicates",
        "Copies with a changed digit or field pass for new rows, and a model that remembers the"
        " original is rewarded.",
        "Look pairs of them up: remove copies, or name the column that their rows share as `group`,"
        " with `split: {scheme: grouped}`.",
    ),
    "empty": Check(
        "CP201",
        "Empty columns",
        "An empty column has no information and costs time in every fit.",
        "List it under `drop`, or find out why it was not filled: a formula of an Excel file is"
        " empty until a spreadsheet program has saved its value.",
    ),
    "constant": Check(
        "CP202",
        "Constant columns",
        "A column with one value has no information and costs time in every fit.",
        "List it under `drop`, or find out why it was not filled.",
    ),
    "nearly_constant": Check(
        "CP203",
        "Nearly constant columns",
        "Some folds may lack the rare value, so that its effect differs from fold to fold.",
        "List it under `drop` unless the rare value matters.",
    ),
    "id": Check(
        "CP204",
        "Columns that number or name the rows",
        "A model may learn the order or the names of the rows, which new rows do not share.",
        "List it under `drop` if it names the row or the moment it was written; a moment may be"
        " named as `time` instead.",
    ),
    "sentinel": Check(
        "CP205",
        "A number that may mean missing",
        "A model takes the code for a size, and it distorts scaling and distances.",
        "If it means missing, add $value to `sentinels`, so that it is treated as such.",
    ),
    "many_labels": Check(
        "CP206",
        "Very many labels",
        "With few rows for each label a model learns little of most of them, or remembers rows.",
        "List it under `drop` if it names single things. Models see the share of positives of each"
        " label, which so few rows estimate badly.",
    ),
    "leak": Check(
        "CP301",
        "A feature that reveals the label",
        "A value that is known only after the event makes scores that no model reaches in use.",
        "Ask whether the value is known at the moment of the prediction. If it is made from the"
        " label, or written down after the event, list it under `drop`.",
    ),
    "flags": Check(
        "CP302",
        "Values that are always positive",
        "A leak may be spread over flags, each of which is set after some of the events.",
        "Ask whether these values are known at the moment of the prediction. If they are set after"
        " the event, list the columns under `drop`.",
    ),
    "late_date": Check(
        "CP303",
        "Dates after the time of the row",
        "What is dated after the decision may be known only afterwards.",
        "List it under `drop`, unless the date is planned in advance.",
    ),
    "twins": Check(
        "CP401",
        "Train-test duplicates",
        "A model that memorises rows gains from copies here, and has none in use.",
        "Compare with duplicates kept together as well: $together.",
    ),
    "groups": Check(
        "CP402",
        "Groups in training and test rows",
        "A model may recognise the group instead of the event.",
        "`split: {scheme: grouped}` keeps groups together. Where the model will meet the same"
        " groups again, as in a split by time, this is as it should be.",
    ),
    "time_order": Check(
        "CP403",
        "Tested on the past",
        "In use a model never knows the future, and here it was fitted on it.",
        "Compare under `split: {scheme: temporal}` as well.",
    ),
    "validation": Check(
        "CP404",
        "Validation rows of one class",
        "Without both classes the rule `tuned` and early stopping have no result there.",
        "A larger `validation` or fewer `folds` under `split` give these folds positives.",
    ),
    "label_noise": Check(
        "CP501",
        "Labels in doubt",
        "Wrong labels mislead fits and scores, and in a rare class a few of them count.",
        "Check the rows named here, the most suspicious first, and correct the labels that are"
        " wrong. A code or spelling that means the other class belongs under `positive`.",
    ),
}
"""The checks by the kind of their finding."""
