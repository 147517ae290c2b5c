"""Comparing over datasets: ranks and tests against published numbers and other computations, and
the collection itself."""

from __future__ import annotations

import gzip
import hashlib
import io
import itertools
import math
import re
import sys
import tarfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from benchmarks.imbalanced_learn import chain
from benchmarks.imbalanced_learn import ranks as ranks_script
from counterpoise.core import config, files, yaml12
from counterpoise.core.config import File
from counterpoise.core.errors import SourceError
from counterpoise.core.paths import REPOSITORY
from counterpoise.data import datasets, sources
from counterpoise.evaluation import ranks as over_datasets
from counterpoise.evaluation.ranks import ALONE, BEST, MINIMUM, compared
from counterpoise.models.combinations import models_of
from counterpoise.report import charts, ranks_section, templating, vega
from stages import check
from tests.conftest import Publisher
from tests.helpers.project import Project

COLLECTION = REPOSITORY / "benchmarks" / "imbalanced_learn"

# Table 6 of Demsar (2006): AUC of C4.5 plain, with m tuned, with cf tuned, with both. On voting the
# paper prints .975 twice and gives the ranks 2 and 3.
TABLE_6 = pd.DataFrame(
    [
        [0.763, 0.768, 0.771, 0.798],
        [0.599, 0.591, 0.590, 0.569],
        [0.954, 0.971, 0.968, 0.967],
        [0.628, 0.661, 0.654, 0.657],
        [0.882, 0.888, 0.886, 0.898],
        [0.936, 0.931, 0.916, 0.931],
        [0.661, 0.668, 0.609, 0.685],
        [0.583, 0.583, 0.563, 0.625],
        [0.775, 0.838, 0.866, 0.875],
        [1.000, 1.000, 1.000, 1.000],
        [0.940, 0.962, 0.965, 0.962],
        [0.619, 0.666, 0.614, 0.669],
        [0.972, 0.981, 0.9751, 0.975],
        [0.957, 0.978, 0.946, 0.970],
    ],
    columns=["plain", "m", "cf", "both"],
)


# Against the paper


def test_average_ranks_are_those_of_the_paper() -> None:
    average = over_datasets.ranks_of(TABLE_6).mean()
    assert average.round(3).to_dict() == {"plain": 3.143, "m": 2.0, "cf": 2.893, "both": 1.964}


def test_friedman_is_that_of_the_paper_but_for_the_correction_for_ties() -> None:
    """The paper has 9.28 and 3.69 without it. Three pairs and a four are tied: 1 - (3 * 6 + 60) /
    (14 * 4 * 15)."""
    found = over_datasets.friedman(over_datasets.ranks_of(TABLE_6))
    plain = found.chi_squared * (1 - 78 / 840)
    assert plain == pytest.approx(9.28, abs=0.005)
    assert 13 * plain / (14 * 3 - plain) == pytest.approx(3.69, abs=0.005)
    assert found.p_value == pytest.approx(stats.chi2.sf(found.chi_squared, 3))
    assert found.f == pytest.approx(13 * found.chi_squared / (42 - found.chi_squared))
    assert found.f_p_value == pytest.approx(1 - stats.f.cdf(found.f, 3, 39))


def test_critical_differences_are_those_of_the_paper() -> None:
    """Section 3.2.2: 1.25 at 5 %, 1.12 at 10 %; and the critical values of its table 5."""
    assert over_datasets.critical_difference(4, 14) == pytest.approx(1.25, abs=0.005)
    assert over_datasets.critical_difference(4, 14, 0.10) == pytest.approx(1.12, abs=0.005)
    table_5 = {
        0.05: [1.960, 2.343, 2.569, 2.728, 2.850, 2.949, 3.031, 3.102, 3.164],
        0.10: [1.645, 2.052, 2.291, 2.459, 2.589, 2.693, 2.780, 2.855, 2.920],
    }
    for alpha, row in table_5.items():
        for remedies, q in enumerate(row, start=2):
            ours = (
                over_datasets.critical_difference(remedies, 6, alpha)
                * 6
                / math.sqrt(remedies * (remedies + 1))
            )
            assert ours == pytest.approx(q, abs=0.0015)


def test_nemenyi_tells_apart_at_ten_percent_what_the_paper_does() -> None:
    """The paper: plain C4.5 is worse than m alone and than both, and nothing is said of cf."""
    found = compared("C4.5", TABLE_6)
    apart = {frozenset((pair.first, pair.second)) for pair in found.pairs if pair.nemenyi < 0.10}
    assert apart == {frozenset(("plain", "m")), frozenset(("plain", "both"))}
    assert not [pair for pair in found.pairs if pair.nemenyi < 0.05]


def test_wilcoxon_is_that_of_the_paper() -> None:
    """Table 2: of m against plain the ranks above 0 sum to 93 and those below to 12, two zeros
    being split."""
    share, p_value = over_datasets.signed_rank(
        (TABLE_6["m"] - TABLE_6["plain"]).round(files.DECIMALS)
    )
    assert share == pytest.approx(93 / 105)
    # 12 is below 21, the paper's critical value at 5 %, and below 15, that at 2 %
    assert 0.01 < p_value < 0.05


# Against another computation


def scores(rows: int = 24, remedies: int = 6, seed: int = 3) -> pd.DataFrame:
    """Scores with ties and two remedies that have no result here and there."""
    random = np.random.default_rng(seed)
    values = (
        random.uniform(0.2, 0.9, (rows, 1))
        + random.normal(0, 0.03, (rows, remedies))
        + np.linspace(0, 0.08, remedies)
    )
    values[::4, 1] = values[::4, 0]
    values[2:5, 2], values[4:6, 3] = np.nan, np.nan
    names = ["none", "random_over", "smote", "adasyn", *(f"remedy_{k}" for k in range(4, remedies))]
    return pd.DataFrame(values.round(6), columns=names, index=[f"data_{k}" for k in range(rows)])


def test_ranks_count_who_is_better() -> None:
    table = scores()
    ranks = over_datasets.ranks_of(table)
    for row, name in itertools.product(range(len(table)), table):
        others = table.iloc[row].fillna(-1)
        mine = others[name]
        assert ranks.iloc[row][name] == 1 + (others > mine).sum() + ((others == mine).sum() - 1) / 2


def test_friedman_by_its_sums_of_squares() -> None:
    ranks = over_datasets.ranks_of(scores()).to_numpy()
    n, k = ranks.shape
    between = n * ((ranks.mean(axis=0) - (k + 1) / 2) ** 2).sum()
    within = ((ranks - (k + 1) / 2) ** 2).sum() / (n * (k - 1))
    assert over_datasets.friedman(over_datasets.ranks_of(scores())).chi_squared == pytest.approx(
        between / within
    )


def test_equal_remedies_differ_by_chance_at_most() -> None:
    ranks = over_datasets.ranks_of(pd.DataFrame(np.full((20, 3), 0.5), columns=["a", "b", "c"]))
    assert over_datasets.friedman(ranks) == (0, 1, 0, 1)


def test_the_same_order_everywhere_is_no_chance() -> None:
    ranks = over_datasets.ranks_of(pd.DataFrame([[0.3, 0.2, 0.1]] * 20, columns=["a", "b", "c"]))
    assert over_datasets.friedman(ranks)[2:] == (math.inf, 0.0)


def test_nemenyi_and_the_critical_difference_say_the_same() -> None:
    found = compared(BEST, scores())
    outcomes = set()
    for pair in found.pairs:
        apart = (
            abs(found.average[pair.first] - found.average[pair.second]) > found.critical_difference
        )
        assert (pair.nemenyi < over_datasets.ALPHA) == apart
        outcomes.add(apart)
    assert outcomes == {True, False}


def test_wilcoxon_by_counting_all_signs() -> None:
    """The exact p-value: how many of all ways to set signs give a rank sum as far from the
    middle."""
    differences = pd.Series([0.11, -0.02, 0.05, 0.07, -0.01, 0.13, 0.03, 0.17, 0.19, -0.04])
    ranks = np.argsort(np.argsort(differences.abs().to_numpy())) + 1
    middle = ranks.sum() / 2
    ours = abs(ranks[differences.to_numpy() > 0].sum() - middle)
    sums = [(ranks * signs).sum() for signs in itertools.product((0, 1), repeat=len(ranks))]
    share, p_value = over_datasets.signed_rank(differences)
    assert p_value == pytest.approx(np.mean([abs(total - middle) >= ours for total in sums]))
    assert share == pytest.approx(ranks[differences.to_numpy() > 0].sum() / ranks.sum())


def test_wins_ties_and_losses_are_counted_on_all_datasets() -> None:
    table = scores()
    found = compared(BEST, table)
    for one, other in itertools.permutations(table, 2):
        pair = found.pair(one, other)
        mine, theirs = table[one].fillna(-1), table[other].fillna(-1)
        assert (pair.wins, pair.ties, pair.losses) == (
            (mine > theirs).sum(),
            (mine == theirs).sum(),
            (mine < theirs).sum(),
        )
        both = (table[one] - table[other]).dropna()
        assert pair.datasets == len(both)
        assert pair.median == pytest.approx(both.median(), abs=1e-6)


# Cells without a result


def test_without_a_result_a_remedy_shares_the_last_ranks_and_loses() -> None:
    found = compared(BEST, scores())
    assert list(found.ranks.loc["data_4", ["smote", "adasyn"]]) == [5.5, 5.5]
    assert found.ranks.loc["data_2", "smote"] == 6
    assert found.missing.to_dict() == {**dict.fromkeys(found.scores, 0), "smote": 3, "adasyn": 2}
    assert found.pair("smote", "adasyn").datasets == len(found.ranks) - 4
    assert found.pair("smote", "adasyn").ties >= 1
    (sentence,) = [
        text for text in over_datasets.reading(found) if text.startswith("Without a result")
    ]
    assert "smote on 3" in sentence and "adasyn on 2" in sentence


def test_a_remedy_that_never_ran_beside_another_is_not_compared_with_it() -> None:
    table = scores()
    table["never"] = np.nan
    found = compared(BEST, table)
    assert found.average["never"] == pytest.approx(len(table.columns), abs=0.5)
    assert found.pair("never", "none").verdict is None
    assert any("not compared: never" in text for text in over_datasets.reading(found))


# From the leaderboard


def board(
    count: int, strategies: tuple[str, ...] = ("none", "random_over", "smote")
) -> pd.DataFrame:
    """A leaderboard of two plain models, one of which also comes with weights, which are best."""
    random = np.random.default_rng(8)
    rows = []
    for k in range(count):
        base = random.uniform(0.3, 0.7)
        for s, strategy in enumerate(strategies):
            for m, model in enumerate(("forest", "logistic", "forest_weighted")):
                weighed = model == "forest_weighted"
                if weighed and strategy == "random_over":
                    continue
                level = (
                    ("algorithm" if strategy == "none" else "hybrid")
                    if weighed
                    else ("none" if strategy == "none" else "data")
                )
                lost = strategy == "smote" and k == 3
                rows.append(
                    {
                        "dataset": f"data_{k}",
                        "strategy": strategy,
                        "model": model,
                        "level": level,
                        "plain_model": "forest" if weighed else model,
                        "status": "not_applicable" if lost else "ok",
                        "average_precision": (
                            np.nan
                            if lost
                            else round(base + 0.01 * s + 0.02 * m + random.normal(0, 0.01), 6)
                        ),
                    }
                )
    return pd.DataFrame(rows)


def test_a_strategy_stands_for_its_best_plain_model_and_weights_for_themselves() -> None:
    mine = board(4)
    table = over_datasets.with_best_model(mine)
    assert list(table) == ["none", ALONE, "random_over", "smote", "smote, hybrid"]
    of_first = mine[mine["dataset"] == "data_0"].set_index(["strategy", "model"])[
        "average_precision"
    ]
    assert table.loc["data_0", "none"] == of_first["none"].drop("forest_weighted").max()
    assert table.loc["data_0", ALONE] == of_first["none", "forest_weighted"]
    assert table.loc["data_3"].isna().to_dict() == {
        "none": False,
        ALONE: False,
        "random_over": False,
        "smote": True,
        "smote, hybrid": True,
    }


def test_with_one_model_each_remedy_is_one_cell() -> None:
    mine = board(4)
    table = over_datasets.with_model(mine, "forest")
    assert list(table) == [
        "none",
        "forest_weighted",
        "random_over",
        "smote",
        "smote / forest_weighted",
    ]
    cell = mine[
        (mine["dataset"] == "data_1") & (mine["strategy"] == "smote") & (mine["model"] == "forest")
    ]
    assert table.loc["data_1", "smote"] == cell["average_precision"].item()
    assert over_datasets.baseline_models(mine) == ["forest", "logistic"]


def test_a_dataset_without_any_result_is_no_case() -> None:
    mine = board(MINIMUM)
    mine.loc[mine["dataset"] == "data_0", ["status", "average_precision"]] = ["failed", np.nan]
    assert len(over_datasets.with_best_model(mine)) == MINIMUM - 1
    assert not list(over_datasets.over_datasets(mine))


@pytest.mark.parametrize("count", [1, 4, MINIMUM - 1])
def test_fewer_than_twenty_datasets_are_not_ranked_and_the_page_says_why(count: int) -> None:
    section = ranks_section.section(board(count))
    here = "here is 1" if count == 1 else f"here are {count}"
    assert section["comparisons"] == []
    assert f"they need 20 datasets or more, and {here}." in section["why_not"]
    html = templating.environment().get_template("ranks.html.j2").render(ranks=section)
    assert section["why_not"] in html
    assert "<svg" not in html and "<table" not in html


def test_twenty_datasets_are_ranked_with_the_best_model_and_with_each() -> None:
    found = list(over_datasets.over_datasets(board(MINIMUM)))
    assert [one.name for one in found] == [BEST, "forest", "logistic"]
    assert [list(one.average) for one in found] == [sorted(one.average) for one in found]
    section = ranks_section.section(board(MINIMUM))
    html = templating.environment().get_template("ranks.html.j2").render(ranks=section)
    assert section["why_not"] is None
    assert html.count("<svg") == 3 and html.count("<details") == 2
    for name, rank in found[0].average.items():
        assert re.search(rf'<th scope="row">{name}</th>\s*<td>{rank:.2f}</td>', html)


def test_two_remedies_are_nothing_to_rank() -> None:
    mine = board(MINIMUM, ("none", "random_over"))
    assert [one.name for one in over_datasets.over_datasets(mine)] == [BEST, "forest"]
    assert "need 3 remedies" in str(
        over_datasets.why_not(over_datasets.with_model(mine, "logistic"))
    )


def test_the_reading_names_better_worse_and_inconclusive_remedies() -> None:
    table = scores(40, 6)
    found = compared(BEST, table)
    sentences = over_datasets.reading(found)
    against = [found.pair(str(name), "none") for name in table if name != "none"]
    assert {pair.verdict for pair in against} >= {"better", "inconclusive"}
    for pair in against:
        side = str(pair.verdict)
        assert re.search(rf"{side}: [^;]*\b{pair.first}\b", sentences[2])


def test_bars_of_the_diagram_overlap_where_ranks_differ_by_less_than_the_critical_difference() -> (
    None
):
    found = compared("random_forest", scores(22, 9))
    chart = vega.spec(charts.average_ranks(found))
    (text,) = {one["data"]["values"] for one in chart["layer"] if "data" in one} or {
        chart["data"]["values"]
    }
    rows = pd.read_csv(io.StringIO(text)).set_index("remedy")
    assert rows["rank"].to_dict() == pytest.approx(found.average.to_dict(), rel=1e-5)
    for pair in found.pairs:
        one, other = rows.loc[pair.first], rows.loc[pair.second]
        overlap = max(one["low"], other["low"]) < min(one["high"], other["high"])
        apart = abs(one["rank"] - other["rank"])
        assert overlap == (apart < found.critical_difference)


def test_the_files_of_the_benchmark_tell_the_same_as_the_page(
    workplace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    files.write_csv(workplace / "reports" / "leaderboard.csv", board(MINIMUM))
    monkeypatch.setattr(sys, "argv", ["ranks"])
    ranks_script.main()
    section = ranks_section.section(files.read_csv(workplace / "reports" / "leaderboard.csv"))
    assert capsys.readouterr().out.splitlines() == section["comparisons"][0]["reading"]
    table, text = (
        files.read_csv(workplace / "reports" / "ranks.csv"),
        (workplace / "results.md").read_text(),
    )
    pairs = files.read_csv(workplace / "reports" / "pairs.csv")
    for one in section["comparisons"]:
        mine = table[table["comparison"] == one["name"]]
        assert list(mine["remedy"]) == one["remedies"]
        assert list(mine["average_rank"]) == pytest.approx(
            [line["rank"] for line in one["lines"]], abs=1e-6
        )
        assert (pairs["comparison"] == one["name"]).sum() == len(mine) * (len(mine) - 1) / 2
        for line in one["lines"]:
            assert f"| {line['remedy']} | {line['rank']:.2f} |" in text
        assert all(f"- {sentence}\n" in text for sentence in one["reading"])
    assert (workplace / "critical_difference.svg").read_text().startswith("<svg ")


# A member of an archive


CONTENT = b"a,label\n1,0\n2,1\n" * 40


def archived(*names: str, content: bytes = CONTENT) -> bytes:
    """A .tar.gz that holds one content under several names, behind a link that leads out of it."""
    made = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=made, mode="wb", mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w") as archive,
    ):
        link = tarfile.TarInfo("x1data.csv")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
        for name in names:
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return made.getvalue()


def member(address: str, name: str = "x1data.csv") -> File:
    sum_of = hashlib.sha256(CONTENT).hexdigest()
    return File(name="all.tar.gz", member=name, unpacked_sha256=sum_of, urls=(address,))


@pytest.mark.parametrize("name", ["x1data.csv", "./x1data.csv"])
def test_a_member_of_a_downloaded_archive_is_known_by_its_own_sum(
    name: str, no_mirror: None, workplace: Path, publisher: Publisher
) -> None:
    publisher.files["all.tar.gz"] = archived("x2data.csv", name)
    file = member(publisher.url("all.tar.gz"))
    place = sources.unpacked(sources.locate(file, "first"), file)
    assert sources.read_bytes(place) == CONTENT
    # another dataset of the same archive downloads nothing more, and nothing was unpacked to the
    # disk
    sources.locate(member(publisher.url("all.tar.gz"), "x2data.csv"), "second")
    assert publisher.asked == ["all.tar.gz"]
    assert [path.name for path in workplace.rglob("*") if path.is_file()] == ["all.tar.gz"]


@pytest.mark.parametrize("at", ["the member alone", "the archive"])
def test_a_mirror_may_hold_the_member_or_the_archive(
    at: str,
    workplace: Path,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("mirror")
    monkeypatch.setenv("COUNTERPOISE_MIRROR", str(folder))
    if at == "the archive":
        (folder / "all.tar.gz").write_bytes(archived("x1data.csv"))
    else:
        (folder / "x1data.csv").write_bytes(CONTENT)
    file = member("unused")
    assert (
        sources.read_bytes(sources.unpacked(sources.locate(file, "mine", download=False), file))
        == CONTENT
    )


@pytest.mark.parametrize(
    "content",
    [
        archived("x2data.csv"),
        archived("x1data.csv", content=CONTENT + b"3,1\n"),
        archived("x1data.csv")[:-30],
        gzip.compress(CONTENT),
        b"\x1f\x8bno archive",
    ],
    ids=["without the member", "another member", "cut", "no tar", "no gzip"],
)
def test_an_archive_without_the_promised_member_is_refused_and_not_kept(
    content: bytes, no_mirror: None, workplace: Path, publisher: Publisher
) -> None:
    publisher.files["all.tar.gz"] = content
    with pytest.raises(SourceError, match="could not be had"):
        sources.locate(member(publisher.url("all.tar.gz")), "mine")
    assert not [path for path in workplace.rglob("*") if path.is_file()]


# The collection


PARAMS = config.load(COLLECTION / "params.yaml")


def test_the_collection_has_enough_datasets_and_as_many_tries_for_each_remedy() -> None:
    assert len(PARAMS.datasets) == 22 >= MINIMUM
    plain = [model for model, entry in PARAMS.models.items() if entry.strategies == "all"]
    weighted = [model for model, entry in PARAMS.models.items() if entry.strategies != "all"]
    assert len(plain) == len(weighted) == 4
    assert {strategy: len(models_of(PARAMS, strategy)) for strategy in PARAMS.strategies} == {
        **dict.fromkeys(PARAMS.strategies, 4),
        "none": 8,
    }


@pytest.mark.parametrize("name", PARAMS.datasets)
def test_a_set_of_the_collection_is_what_its_comment_says(
    name: str, mirror: Path, workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COUNTERPOISE_MIRROR", str(mirror))
    _, facts = datasets.fetch(name, PARAMS.dataset(name), download=False)
    text = (COLLECTION / "params.yaml").read_text()
    match = re.search(
        rf"^  {name}: # ([\d,]+) rows, ([\d,]+) positive, (\d+) features$", text, re.MULTILINE
    )
    assert match is not None
    rows, positives, features = (int(number.replace(",", "")) for number in match.groups())
    assert (facts["rows"], facts["positives"], facts["features"]) == (rows, positives, features)


def test_its_stages_depend_on_the_code_of_all_that_they_call() -> None:
    pipeline = yaml12.load((COLLECTION / "dvc.yaml").read_text())["stages"]
    for part in chain.PARTS:
        called = set(chain.PARTS[part])
        definition = pipeline[part].get("do", pipeline[part])
        listed = {Path(path).stem for path in definition["deps"] if path.startswith("data/code")}
        assert listed == called
        assert {"chain.py", "../../requirements.lock"} <= set(definition["deps"])
    assert pipeline["check"]["outs"] == [f"data/code/{stage}.json" for stage in check.STAGES]


def test_the_pipeline_of_the_collection_runs_and_is_none_of_the_projects(
    tmp_path: Path, mirror: Path
) -> None:
    """One set, two strategies and one model: the same stages, in a DVC project of its own below the
    other."""
    project = Project.copied(tmp_path, COUNTERPOISE_MIRROR=str(mirror))
    mine = Project(tmp_path / "benchmarks" / "imbalanced_learn", project.variables)
    params = mine.params
    mine.params = {
        **params,
        "datasets": {"ecoli": params["datasets"]["ecoli"]},
        "strategies": {"none": {}, "random_over": {}},
        "models": {"logistic_regression": {}},
    }
    mine.repro("compare")
    found = mine.leaderboard()
    assert list(found["dataset"].unique()) == ["ecoli"]
    assert set(found["status"]) == {"ok"} and len(found) == 2
    assert "here is 1" in (mine.folder / "reports" / "index.html").read_text()
    assert mine.repro("compare").stages == ["check"]
    assert "imbalanced_learn" not in project.dvc("stage", "list", "--all", "--name-only").text
    too_few = mine.run(
        sys.executable, "-m", "benchmarks.imbalanced_learn.ranks", PYTHONPATH="../.."
    )
    assert too_few.status == 1
    assert "too few datasets" in too_few.text
