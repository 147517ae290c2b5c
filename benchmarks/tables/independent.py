"""The tables once more, read with pandas by hand, and scikit-learn's models on given folds.

Nothing of this project is imported: what is a number, a category or a date is written here for each
file, as a person would find out with the file open. What follows is what the documents say:
`docs/tables.md` and `docs/parameters.md` for features, encoding and models.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

TRAIN, TEST = 1, 3
"""Codes in the file of a split."""
MAX_INDICATORS, MAX_CODES = 50, 255
EPOCH = pd.Timestamp("1970-01-01")
DAY = pd.Timedelta(days=1)
PARTS: dict[str, Callable[[pd.Series], pd.Series]] = {
    "days": lambda at: (at - EPOCH) / DAY,
    "month": lambda at: at.dt.month,
    "weekday": lambda at: at.dt.dayofweek,
    "hour": lambda at: at.dt.hour + at.dt.minute / 60,
}
DATED = ("days", "month", "weekday")


csv = partial(
    pd.read_csv,
    dtype=str,
    keep_default_na=False,
    na_values=[],
    skipinitialspace=True,
    quotechar='"',
)
parquet = pd.read_parquet


def excel(path: Path) -> pd.DataFrame:
    return pd.read_excel(path, engine="calamine")


def npz(path: Path) -> pd.DataFrame:
    with np.load(path) as arrays:
        frame = pd.DataFrame(arrays["data"])
        return frame.assign(label=arrays["label"])


@dataclass(frozen=True)
class Spec:
    """What the columns of one file are; those not named are numbers.

    Attributes
    ----------
    target, positive : str, tuple of str
    categories, drop : tuple of str
        As names, separated by a bar.
    dates : dict of str to (str or None, tuple of str)
        The format of a date and what is made of it.
    missing : tuple of str
        Texts that stand for a missing value, in any column.
    zeros : tuple of str
        Columns in which 0 stands for a missing value.
    read : callable
    """

    target: str
    positive: str
    categories: str = ""
    drop: str = ""
    dates: dict[str, tuple[str | None, tuple[str, ...]]] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    zeros: tuple[str, ...] = ()
    read: Callable[..., pd.DataFrame] = csv


def no_header(**options: Any) -> Callable[[Path], pd.DataFrame]:
    """Columns are called column_1, column_2 and so on."""

    def read(path: Path) -> pd.DataFrame:
        frame = csv(path, header=None, **options)
        return frame.set_axis([f"column_{k + 1}" for k in range(frame.shape[1])], axis=1)

    return read


def columns(numbers: Sequence[int]) -> str:
    return "|".join(f"column_{k}" for k in numbers)


R = {"missing": ("NA",)}
UNNAMED = "Unnamed: 0"

SPECS: dict[str, Spec] = {
    "bank_default": Spec("default", "Yes", "student"),
    "caravan": Spec("Purchase", "Yes"),
    "orange_juice": Spec("Purchase", "MM", "StoreID|Store7|STORE"),
    "brain_cancer": Spec("status", "1", "sex|diagnosis|loc|stereo", **R),
    "telco": Spec(
        "Churn",
        "Yes",
        "gender|Partner|Dependents|PhoneService|MultipleLines|InternetService|OnlineSecurity|"
        "OnlineBackup|DeviceProtection|TechSupport|StreamingTV|StreamingMovies|Contract|"
        "PaperlessBilling|PaymentMethod",
        "customerID",
    ),
    "titanic": Spec("Survived", "1", "Sex|Cabin|Embarked", "PassengerId|Name|Ticket"),
    "titanic_all": Spec("survived", "1", "class|sex", "name"),
    "glass": Spec("type", "Tabl"),
    "german": Spec(
        "creditability",
        "bad",
        "status_of_existing_checking_account|credit_history|purpose|savings_account_and_bonds|"
        "present_employment_since|personal_status_and_sex|other_debtors_or_guarantors|property|"
        "other_installment_plans|housing|job|telephone|foreign_worker",
    ),
    "german_codes": Spec(
        "credit_risk",
        "2",
        "status_of_existing_checking_account|credit_history|purpose|savings_account/bonds|"
        "present_employment_since|personal_status_and_sex|other_debtors/guarantors|property|"
        "other_installment_plans|housing|job|telephone|foreign_worker",
    ),
    "german_spss": Spec("risk", "0", "sex|housing|saving_accounts|checking_account|purpose"),
    "hr": Spec("status", "ok", "gender", UNNAMED),
    "births": Spec("lbweight", "1", "mmarried|msmoke|mbsmoke|fbaby|prenatal1"),
    "senators": Spec(
        "observed",
        "False",
        "Political Affiliation at Appointment|Province / Territory|Appointed on the advice of|"
        "reason",
        "Name|Term (yyyy.mm.dd)",
        dict.fromkeys(("start_date", "end_date"), ("ISO8601", DATED)),
    ),
    "lymph_nodes": Spec(
        "censdead",
        "1",
        "",
        "id",
        dict.fromkeys(("diagdateb", "recdate", "deathdate"), ("%d-%m-%Y", DATED)),
    ),
    "penguins": Spec(
        "Species",
        "Chinstrap penguin (Pygoscelis antarctica)",
        "studyName|Region|Island|Stage|Clutch Completion|Sex|Comments",
        "Individual ID",
        {"Date Egg": ("%Y-%m-%d", DATED)},
        **R,
    ),
    "birdstrikes": Spec(
        "Effect Amount of damage",
        "Substantial",
        "Airport Name|Aircraft Make Model|Aircraft Airline Operator|Origin State|Phase of flight|"
        "Wildlife Size|Wildlife Species|Time of day",
        "",
        {"Flight Date": ("%Y-%m-%d", DATED)},
    ),
    "seattle": Spec("weather", "snow", dates={"date": ("%Y-%m-%d", DATED)}),
    "villages": Spec("default", "1", "address|village"),
    "aids": Spec("cens", "1", "", f"{UNNAMED}|pidnum", **R),
    "cirrhosis": Spec("status", "2", "sex", f"{UNNAMED}|id", **R),
    "light_chains": Spec("death", "1", "sex|chapter", UNNAMED, **R),
    "mortgages": Spec("deny", "yes", "pbcr|dmi|self|single|black", UNNAMED, **R),
    "biopsy": Spec("class", "malignant", "", f"{UNNAMED}|ID", **R),
    "movies": Spec("Documentary", "1", "mpaa", f"{UNNAMED}|title", **R),
    "fraud": Spec(
        "fraud",
        "True",
        "currency|customer_present|expiration_date|provider|region|country",
        "id|card_id",
        {"datetime": ("%Y-%m-%d %H:%M:%S", DATED)},
    ),
    "phishing": Spec("is_phishing", "1"),
    "segments": Spec("category", "sky"),
    "flares": Spec(
        "m-class-flares", "1|2|3|4|5", "zurich-class|largest-spot-size|spot-distribution"
    ),
    "loans": Spec("reject", "1"),
    "babies": Spec("lbw", "1"),
    "happiness": Spec(
        "vhappy", "1", "workstat|divorce|widowed|reg16|income|region|attend|happy|owngun"
    ),
    "pima": Spec("test", "1", zeros=("glucose", "diastolic", "triceps", "insulin", "bmi")),
    "bank": Spec("Personal Loan", "1", "", "ID"),
    "flights": Spec(
        "Flight Status",
        "delayed",
        "CARRIER|DEST|ORIGIN|TAIL_NUM",
        "",
        {"FL_DATE": ("%m/%d/%Y", DATED)},
    ),
    "accidents": Spec("FATALITIES", "1", read=partial(csv, encoding="utf-8-sig")),
    "taxi": Spec(
        "Car_Cancellation",
        "1",
        "",
        "row#|user_id",
        dict.fromkeys(("from_date", "to_date", "booking_created"), ("%m/%d/%y %H:%M", DATED)),
    ),
    "voters": Spec("MOVED_AD", "Y", "CAND1S|CAND2S|I3|CAND1_UND|CAND2_UND|Partition", "VOTER_ID"),
    "fundraising": Spec(
        "TARGET_B", "0", "", "Row Id|Row Id.", read=partial(csv, encoding="utf-8-sig")
    ),
    "travel": Spec("choice", "1", read=partial(csv, sep=";")),
    "election": Spec("vote", "1", read=partial(csv, sep="\t", quotechar="'")),
    "election_blanks": Spec("vote", "1", read=partial(csv, sep=r"\s+")),
    "cars": Spec("origin", "2", "", "name", missing=("?",), read=partial(csv, sep=r"\s+")),
    "adult": Spec(
        "column_15", ">50K", columns([2, 4, 6, 7, 8, 9, 10, 14]), missing=("?",), read=no_header()
    ),
    "german_data": Spec(
        "column_21",
        "2",
        columns([1, 3, 4, 6, 7, 9, 10, 12, 14, 15, 17, 19, 20]),
        read=no_header(sep=" "),
    ),
    "abalone": Spec("column_9", "positive", "column_1", read=no_header()),
    "intrusion": Spec("column_42", "positive", columns([2, 3, 4]), read=no_header()),
    "bands": Spec("column_20", "band", read=no_header()),
    "hypothyroid": Spec(
        "column_1",
        "hypothyroid",
        columns([3, *range(4, 16), 17, 19, 21, 23, 25]),
        missing=("?",),
        read=no_header(),
    ),
    "hepatitis": Spec("column_1", "1", missing=("?",), read=no_header()),
    "microcalcifications": Spec("column_7", "'1'", read=no_header()),
    "houses_taipei": Spec("X4 number of convenience stores", "0", "", "No", read=excel),
    "houses_seattle": Spec("waterfront", "True", "", "id", {"date": (None, DATED)}, read=parquet),
    "coffee": Spec(
        "species",
        "Robusta",
        "owner|country_of_origin|farm_name|lot_number|mill|company|altitude|region|bag_weight|"
        "in_country_partner|harvest_year|owner_1|variety|processing_method|color|"
        "certification_body|certification_address|certification_contact|unit_of_measurement",
        "ico_number|producer",
        dict.fromkeys(("grading_date", "expiration"), (None, DATED)),
        missing=("n/a", "NA"),
        read=parquet,
    ),
    "eruptions": Spec(
        "eruption_category",
        "Uncertain Eruption",
        "volcano_name|area_of_activity|activity_unit|evidence_method_dating",
        "eruption_number",
        read=parquet,
    ),
    "songs": Spec(
        "explicit",
        "True",
        "artists|track_genre|popular_or_not",
        "track_id|album_name|track_name",
        read=parquet,
    ),
    "charging": Spec(
        "platform",
        "android",
        "weekday|facility_type",
        "session_id|user_id|created|ended",
        read=parquet,
    ),
    "thyroid": Spec("label", "1", read=npz),
}
"""The tables that are read; the others are refused."""


@dataclass(frozen=True)
class Features:
    """Numbers and categories of a table, in the order of its columns.

    Attributes
    ----------
    numbers : ndarray of shape (n, p)
        NaN where a value is missing.
    categories : list of (ndarray of shape (n,), int)
        Codes of labels in their sorted order, -1 where one is missing, and the number of labels.
    y : ndarray of shape (n,)
    columns : int
        Columns of the file.
    """

    numbers: np.ndarray
    categories: list[tuple[np.ndarray, int]]
    y: np.ndarray
    columns: int


def read(name: str, path: Path) -> Features:
    """Read one of the tables.

    Parameters
    ----------
    name : str
        Its key in tables.yaml.
    path : Path

    Returns
    -------
    Features
    """
    spec = SPECS[name]
    frame = spec.read(path)
    frame.columns = [str(column).strip() for column in frame.columns]
    y = frame[spec.target].astype(str).str.strip().isin(spec.positive.split("|"))
    categories, drop = spec.categories.split("|"), spec.drop.split("|")
    numbers, codes = [], []
    for column in frame.columns:
        if column == spec.target or column in drop:
            continue
        values = frame[column]
        if pd.api.types.is_string_dtype(values) or values.dtype == object:
            values = values.astype(object).map(lambda v: v.strip() if isinstance(v, str) else v)
            values = values.mask(values.isin(["", *spec.missing]))
        if column in categories:
            labels = sorted(values.dropna().unique())
            codes.append((pd.Categorical(values, categories=labels).codes, len(labels)))
        elif column in spec.dates:
            form, parts = spec.dates[column]
            at = pd.to_datetime(values, format=form)
            numbers += [PARTS[part](at).astype(float) for part in parts]
        else:
            found = values.astype(float)
            numbers.append(found.mask(found == 0) if column in spec.zeros else found)
    stacked = np.column_stack(numbers) if numbers else np.empty((len(frame), 0))
    return Features(stacked, codes, y.to_numpy(dtype=np.int8), frame.shape[1])


def indicators(codes: np.ndarray, labels: int, train: np.ndarray) -> list[np.ndarray]:
    """One column a label; of many labels the 49 most frequent in training and one for the rest."""
    if labels <= MAX_INDICATORS:
        return [(codes == code).astype(float) for code in range(labels)]
    known = codes[train][codes[train] >= 0]
    frequent = np.argsort(-np.bincount(known, minlength=labels), kind="stable")
    kept = frequent[: MAX_INDICATORS - 1]
    rest = (codes >= 0) & ~np.isin(codes, kept)
    return [*((codes == code).astype(float) for code in kept), rest.astype(float)]


def logistic_regression(table: Features, train: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Median, mean 0 and variance 1, one column a label.

    Parameters
    ----------
    table : Features
    train : ndarray of int
        Rows that numbers and labels are encoded by.
    rows : ndarray of int
        Rows to fit on: those of training after the strategy.

    Returns
    -------
    ndarray of shape (n,)
        The log odds of all rows.
    """
    X = table.numbers
    if X.shape[1]:
        median = SimpleImputer(strategy="median", keep_empty_features=True).fit(X[train])
        # column by column: sums in another order move where the fit stops, and scores by 1e-5
        scaler = StandardScaler().fit(np.asfortranarray(median.transform(X[train])))
        X = scaler.transform(median.transform(X))
    shown = [one for codes, labels in table.categories for one in indicators(codes, labels, train)]
    X = np.asfortranarray(np.column_stack([X, *shown]))
    model = LogisticRegression(max_iter=1000).fit(X[rows], table.y[rows])
    return model.decision_function(X)


def hist_gradient_boosting(table: Features, train: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Missing numbers and categories of up to 255 labels as they are.

    Parameters
    ----------
    table, train, rows
        As in `logistic_regression`.

    Returns
    -------
    ndarray of shape (n,)
        The log odds of all rows.
    """
    shown, is_category = [], [False] * table.numbers.shape[1]
    all_few = all(labels <= MAX_CODES for _, labels in table.categories)
    for codes, labels in table.categories:
        if all_few:
            shown.append(np.where(codes < 0, np.nan, codes))
            is_category.append(True)
        else:
            more = indicators(codes, labels, train)
            shown += more
            is_category += [False] * len(more)
    X = np.column_stack([table.numbers, *shown])
    model = HistGradientBoostingClassifier(
        early_stopping=False, categorical_features=is_category, random_state=0
    ).fit(X[rows], table.y[rows])
    return model.decision_function(X)


MODELS = {
    "logistic_regression": logistic_regression,
    "hist_gradient_boosting": hist_gradient_boosting,
}


def folds(split: pd.DataFrame) -> Iterator[tuple[int, int, np.ndarray, np.ndarray]]:
    """Repeat, fold, training and test rows of a split as the pipeline writes it."""
    for column in split.columns:
        _, repeat, _, fold = column.split("_")
        part = split[column].to_numpy()
        yield int(repeat), int(fold), np.flatnonzero(part == TRAIN), np.flatnonzero(part == TEST)


def average_precisions(
    table: Features, split: pd.DataFrame, kept: dict[str, pd.DataFrame]
) -> dict[str, float]:
    """Fit and score.

    Parameters
    ----------
    table : Features
    split : DataFrame
        The part of each row in each fold.
    kept : dict of str to DataFrame
        For each strategy the rows that it left in training, by repeat and fold.

    Returns
    -------
    dict of str to float
        Mean average precision of the folds for each "strategy, model".
    """
    found: dict[str, list[float]] = {}
    for repeat, fold, train, test in folds(split):
        for strategy, rows in kept.items():
            mine = rows[(rows["role:repeat"] == repeat) & (rows["role:fold"] == fold)]["row"]
            for name, fit in MODELS.items():
                with threadpool_limits(1):  # as a fit of the pipeline
                    scores = fit(table, train, mine.to_numpy())
                average_precision = average_precision_score(table.y[test], scores[test])
                found.setdefault(f"{strategy}, {name}", []).append(float(average_precision))
    return {key: float(np.mean(values)) for key, values in found.items()}
