"""How rows are divided among training, validation and test."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.model_selection import train_test_split

from counterpoise.core import files
from counterpoise.core.config import AnySplit, Grouped, Holdout, StratifiedKFold, Temporal
from counterpoise.core.errors import SplitError
from counterpoise.data import folds as splits
from counterpoise.data import splitters
from counterpoise.data.tables import Table
from tests.conftest import mixed_table, numeric_table


def timed(time: np.ndarray | list[float], y: list[int] | None = None) -> Table:
    moments = np.asarray(time)
    labels = np.arange(len(moments)) % 2 if y is None else y
    return Table(
        ("a",),
        np.arange(len(moments), dtype=float)[:, None],
        np.asarray(labels, np.int8),
        {},
        {"time": moments},
    )


def test_every_part_of_a_stratified_split_has_the_natural_prevalence() -> None:
    table = numeric_table(1000, 100)
    parts = splitters.split(table, StratifiedKFold(folds=5, repeats=2, validation=0.2), 1, "mine")
    assert parts.names == tuple((repeat, fold) for repeat in range(2) for fold in range(5))
    for fold in parts:
        for rows, share in ((fold.train, 0.64), (fold.validation, 0.16), (fold.test, 0.2)):
            assert len(rows) == 1000 * share
            assert table.y[rows].sum() == len(rows) / 10


def test_repeats_folds_and_seeds_draw_differently_and_the_same_seed_the_same() -> None:
    table = numeric_table()
    scheme = StratifiedKFold(folds=3, repeats=2)
    parts = splitters.split(table, scheme, 1, "mine")
    np.testing.assert_array_equal(parts.codes, splitters.split(table, scheme, 1, "mine").codes)
    for other in (
        splitters.split(table, scheme, 2, "mine"),
        splitters.split(table, scheme, 1, "yours"),
    ):
        assert (parts.codes != other.codes).any()
    first, second = [[fold.test for fold in parts if fold.repeat == repeat] for repeat in (0, 1)]
    assert not any(np.array_equal(one, other) for one in first for other in second)


def test_the_grouped_repeat_keeps_duplicates_together_and_leaves_the_compared_folds_unchanged(
    tmp_path: Path,
) -> None:
    table = numeric_table(300, 60)
    table = replace(table, X=np.repeat(table.X[:100], 3, axis=0), y=np.repeat(table.y[:100], 3))
    plain = splitters.split(table, StratifiedKFold(folds=3, repeats=2), 1, "mine")
    parts = splitters.split(table, StratifiedKFold(folds=3, repeats=2, grouped=True), 1, "mine")
    splits.write(tmp_path / "split.parquet", parts)
    for found in (parts, splits.read(tmp_path / "split.parquet")):
        assert found.beside == 2 and len(found) == 9
        assert found.compared.names == plain.names and (found.compared.codes == plain.codes).all()
        assert found.grouped.names == ((2, 0), (2, 1), (2, 2))
        tested = np.concatenate([fold.test for fold in found.grouped])
        assert sorted(tested) == list(range(300))
        group = np.arange(300) // 3
        for fold in found.grouped:
            assert not set(group[fold.test]) & set(
                group[np.concatenate([fold.train, fold.validation])]
            )
            assert not set(group[fold.train]) & set(group[fold.validation])
        assert any(set(group[fold.test]) & set(group[fold.train]) for fold in found.compared)
    assert len(plain.grouped) == 0 and plain.compared.names == plain.names


SCHEMES: list[AnySplit] = [
    StratifiedKFold(folds=3, repeats=2, validation=0.2),
    StratifiedKFold(folds=3, repeats=1, validation=0.2, grouped=True),
    Holdout(scheme="holdout", seed=7),
    Grouped(scheme="grouped", folds=3, repeats=2),
]


@pytest.mark.parametrize(
    "scheme", SCHEMES, ids=["stratified", "with a grouped repeat", "holdout", "grouped"]
)
def test_a_placebo_is_tested_on_the_same_rows_and_validated_on_others(
    scheme: AnySplit, tmp_path: Path
) -> None:
    table = numeric_table(300, 60)
    table = replace(table, X=np.repeat(table.X[:100], 3, axis=0), y=np.repeat(table.y[:100], 3))
    group = np.arange(300) // 3
    plain = splitters.split(table, scheme, 1, "mine")
    made = splitters.split(table, scheme, 1, "mine", (1, 12))
    splits.write(tmp_path / "split.parquet", made)
    for parts in (made, splits.read(tmp_path / "split.parquet")):
        assert (parts.codes == plain.codes).all() and (parts.names, parts.beside) == (
            plain.names,
            plain.beside,
        )
        assert parts.of(None) is parts and parts.digest == plain.digest
        divisions = [list(parts.of(seed)) for seed in (None, 1, 12)]
        for folds in zip(*divisions, strict=True):
            together = scheme.scheme == "grouped" or folds[0].repeat == parts.beside
            for fold in folds:
                assert fold[:2] == folds[0][:2]
                np.testing.assert_array_equal(fold.test, folds[0].test)
                trained, validated = set(fold.train), set(fold.validation)
                assert len(fold.validation) == len(folds[0].validation) or together
                assert not trained & validated
                assert trained | validated == {*folds[0].train, *folds[0].validation}
                if together:
                    assert not set(group[fold.train]) & set(group[fold.validation])
                else:
                    shares = [table.y[rows].mean() for rows in (fold.train, fold.validation)]
                    assert shares[0] == pytest.approx(shares[1], abs=0.02)
            assert len({tuple(sorted(fold.validation)) for fold in folds}) == 3
        for kept in (parts.compared, parts.grouped):
            for fold, whole in zip(
                kept.of(12), (f for f in divisions[2] if f[:2] in kept.names), strict=True
            ):
                np.testing.assert_array_equal(fold.validation, whole.validation)


def test_a_split_without_a_placebo_is_the_same_file_as_before(tmp_path: Path) -> None:
    table, scheme = numeric_table(), StratifiedKFold(folds=3, repeats=1)
    splits.write(tmp_path / "split.parquet", splitters.split(table, scheme, 1, "mine"))
    columns = files.read_parquet(tmp_path / "split.parquet").columns
    assert list(columns) == ["repeat_0_fold_0", "repeat_0_fold_1", "repeat_0_fold_2"]


@pytest.mark.parametrize(
    "scheme",
    [
        Temporal(scheme="temporal", folds=2),
        Temporal(scheme="temporal", validation=0),
        StratifiedKFold(folds=2, validation=0),
    ],
    ids=["temporal", "temporal without validation", "stratified without validation"],
)
def test_a_placebo_shares_validation_rows_that_are_not_drawn(scheme: AnySplit) -> None:
    parts = splitters.split(timed(np.arange(60)), scheme, 1, "mine", (1,))
    assert not parts.placebos and parts.of(1) is parts


def test_a_placebo_that_cannot_be_trained_is_an_error_that_names_its_seed() -> None:
    """Groups are drawn without regard to labels, so all positives may be validation rows."""
    random = np.random.default_rng(0)
    y = np.zeros(80, np.int8)
    y[[0, 40]] = 1
    table = Table(("a",), random.normal(size=(80, 1)), y, {}, {"group": np.arange(80) // 4})
    scheme = Grouped(scheme="grouped", folds=2, repeats=1, validation=0.5)
    fine = next(
        seed for seed in range(100) if not _refused(table, scheme, seed, ())
    )  # the split itself can be trained
    wrong = next(one for one in range(1, 100) if _refused(table, scheme, fine, (one,)))
    error = _refused(table, scheme, fine, (wrong,))
    assert error is not None and error.what.startswith("The train part of repeat 0, fold ")
    assert str(error.where).endswith(f"(grouped, placebo with seed {wrong})")
    assert not _refused(table, scheme, fine, ())


def _refused(
    table: Table, scheme: AnySplit, seed: int, placebos: tuple[int, ...]
) -> SplitError | None:
    try:
        splitters.split(table, scheme, seed, "mine", placebos)
    except SplitError as error:
        return error
    return None


def test_a_holdout_takes_the_rows_of_train_test_split_in_their_order() -> None:
    table = numeric_table()
    for stratify in (True, False):
        scheme = Holdout(scheme="holdout", test_size=0.25, seed=7, stratify=stratify, validation=0)
        (fold,) = splitters.split(table, scheme, 1, "mine")
        train, test = train_test_split(
            np.arange(240), test_size=0.25, random_state=7, stratify=table.y if stratify else None
        )
        np.testing.assert_array_equal(fold.train, train)
        np.testing.assert_array_equal(fold.test, test)
        assert len(fold.validation) == 0


def test_a_holdout_without_a_seed_derives_one_from_the_dataset() -> None:
    table, scheme = numeric_table(), Holdout(scheme="holdout")
    tests = [
        next(iter(splitters.split(table, scheme, *seed))).test.tolist()
        for seed in ((1, "a"), (1, "b"), (2, "a"))
    ]
    assert len(set(map(tuple, tests))) == 3


def test_the_order_of_a_holdout_and_all_parts_survive_being_written(tmp_path: Path) -> None:
    for scheme in (Holdout(scheme="holdout", seed=3), StratifiedKFold(folds=3)):
        parts = splitters.split(numeric_table(), scheme, 1, "mine")
        splits.write(tmp_path / "split.parquet", parts)
        again = splits.read(tmp_path / "split.parquet")
        assert again.names == parts.names
        for one, other in zip(parts, again, strict=True):
            for here, there in zip(one, other, strict=True):
                np.testing.assert_array_equal(here, there)


def test_a_temporal_split_never_trains_on_the_future() -> None:
    random = np.random.default_rng(0)
    table = timed(random.permutation(400), random.integers(0, 2, 400).tolist())
    parts = splitters.split(
        table, Temporal(scheme="temporal", folds=3, test_size=0.2, validation=0.25), 1, "mine"
    )
    time = table.roles["time"]
    assert [len(fold.test) for fold in parts] == [80, 80, 80]
    assert [len(fold.train) + len(fold.validation) for fold in parts] == [160, 240, 320]
    for fold in parts:
        assert time[fold.train].max() < time[fold.validation].min()
        assert time[fold.validation].max() < time[fold.test].min()
        assert len(fold.validation) == pytest.approx(
            0.25 * (len(fold.train) + len(fold.validation))
        )


def test_rows_of_one_moment_stay_on_one_side_of_a_border() -> None:
    time = np.repeat([1.0, 2, 3, 4], [10, 20, 15, 5])
    (fold,) = splitters.split(
        timed(time), Temporal(scheme="temporal", test_size=0.2, validation=0.5), 1, "mine"
    )
    # the border at 40 of 50 rows lies inside moment 3 and the one at 15 of 30 inside moment 2: both
    # move back
    assert set(time[fold.test]) == {3, 4}
    assert set(time[fold.validation]) == {2}
    assert set(time[fold.train]) == {1}


def test_a_temporal_split_without_validation_trains_on_all_that_came_before() -> None:
    (fold,) = splitters.split(
        timed(np.arange(50)), Temporal(scheme="temporal", validation=0), 1, "mine"
    )
    assert fold.train.tolist() == list(range(40))
    assert len(fold.validation) == 0


@pytest.mark.parametrize(
    "values", [np.full(50, 3.0), np.repeat([1.0, 2.0], [45, 5])], ids=["one moment", "two moments"]
)
def test_too_few_moments_to_split_are_an_error(values: np.ndarray) -> None:
    with pytest.raises(SplitError, match="The table is too small for this split") as caught:
        splitters.split(timed(values), Temporal(scheme="temporal", folds=2), 1, "mine")
    assert str(caught.value.found).startswith("fold 0 has ")


def test_a_temporal_split_needs_to_know_the_time() -> None:
    with pytest.raises(
        SplitError, match="The scheme temporal needs to know the time of each row"
    ) as caught:
        splitters.split(numeric_table(), Temporal(scheme="temporal"), 1, "mine")
    assert caught.value.expected == "`time: NAME OF A COLUMN` in datasets.mine"


def test_identical_rows_stay_together_missing_values_and_signed_zeros_included() -> None:
    nan = float("nan")
    X = np.array([[1, nan], [0.0, 2], [1, nan], [-0.0, 2], [1, 2], [nan, nan], [nan, nan]])
    groups = splitters.groups_of(Table(("a", "b"), X, np.zeros(7, np.int8)))
    assert groups[0] == groups[2]
    assert groups[1] == groups[3]
    assert groups[5] == groups[6]
    assert len(set(groups)) == 4


def test_a_grouped_split_keeps_duplicates_on_one_side() -> None:
    table = mixed_table(90, 30)
    repeated = np.tile(np.arange(90), 3)
    table = Table(table.features, table.X[repeated], table.y[repeated], table.categories)
    groups = splitters.groups_of(table)
    for fold in splitters.split(table, Grouped(scheme="grouped", folds=3), 1, "mine"):
        sides = [set(groups[rows]) for rows in (fold.train, fold.validation, fold.test)]
        assert len(set.union(*sides)) == sum(map(len, sides))
        assert all(sides)


def test_a_declared_group_is_taken_instead_of_identical_rows() -> None:
    table = numeric_table(120, 40)
    patients = np.arange(120) // 4
    table = Table(table.features, table.X, table.y, {}, {"group": patients})
    for fold in splitters.split(table, Grouped(scheme="grouped", folds=3), 1, "mine"):
        assert not set(patients[fold.test]) & set(patients[fold.train])


@pytest.mark.parametrize("positives", [1, 4])
def test_fewer_positives_than_folds_are_an_error_with_a_way_out(positives: int) -> None:
    with pytest.raises(SplitError, match="There are fewer positive rows than folds") as caught:
        splitters.split(numeric_table(60, positives), StratifiedKFold(folds=5), 1, "mine")
    error = caught.value
    assert error.where == "params.yaml: datasets.mine.split, or the top-level split"
    assert (error.expected, error.found) == ("at least 5 positive rows for 5 folds", str(positives))
    assert str(error.todo).startswith(
        "ask for at most 4 folds" if positives == 4 else "get more such rows"
    )


def test_fewer_negatives_or_groups_than_folds_are_an_error() -> None:
    with pytest.raises(SplitError, match="There are fewer negative rows than folds"):
        splitters.split(numeric_table(60, 57), StratifiedKFold(folds=5), 1, "mine")
    table = Table(
        ("a",), np.repeat([1.0, 2, 3, 4], 10)[:, None], np.repeat([1, 0, 0, 0], 10).astype(np.int8)
    )
    with pytest.raises(SplitError, match="There are fewer groups with a positive row than folds"):
        splitters.split(table, Grouped(scheme="grouped", folds=2), 1, "mine")


def test_a_grouped_split_with_one_group_left_for_validation_is_an_error() -> None:
    table = Table(("a",), np.repeat([1.0, 2], 10)[:, None], np.tile([1, 0], 10).astype(np.int8))
    with pytest.raises(SplitError, match="The table is too small for this split"):
        splitters.split(table, Grouped(scheme="grouped", folds=2), 1, "mine")


def test_a_part_with_a_single_class_is_an_error() -> None:
    labels = np.zeros(50, int)
    labels[[0, 1]] = 1  # the positives lie in the past
    with pytest.raises(
        SplitError, match="The test part of repeat 0, fold 0 has one class alone"
    ) as caught:
        splitters.split(
            timed(np.arange(50), labels.tolist()), Temporal(scheme="temporal"), 1, "mine"
        )
    assert caught.value.found == "0 positives among 10 rows"
    with pytest.raises(SplitError, match="The train part of repeat 0, fold 0 has one class alone"):
        splitters.split(
            timed(np.arange(50)[::-1], labels.tolist()), Temporal(scheme="temporal"), 1, "mine"
        )


@pytest.mark.parametrize(
    "scheme",
    [
        Holdout(scheme="holdout", test_size=0.001),
        Holdout(scheme="holdout", validation=0.001),
        StratifiedKFold(folds=2, validation=0.999),
    ],
    ids=["test", "validation", "train"],
)
def test_a_part_too_small_for_a_row_of_each_class_is_an_error(
    scheme: Holdout | StratifiedKFold,
) -> None:
    with pytest.raises(SplitError, match="The table is too small for this split"):
        splitters.split(numeric_table(60, 20), scheme, 1, "mine")
