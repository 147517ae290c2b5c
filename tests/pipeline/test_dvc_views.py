"""What docs/dvc.md says: DVC alone shows results, tells what changed between commits, and runs
experiments.

One small project lives through a sequence of changes; every test builds on the one before it, as
work does.
"""

from __future__ import annotations

import itertools
import json
import re
import shlex
import shutil
from pathlib import Path
from typing import Any

import pytest
from dvc.cli import parse_args
from dvc.utils.hydra import apply_overrides, get_hydra_sweeps

from counterpoise.core import config
from counterpoise.core.paths import REPOSITORY
from tests.helpers.project import Project

PARAMS = {
    "seed": 7,
    "datasets": {
        "digits": {
            "path": "data/cards/digits.md",
            "source": {"bundled": "digits"},
            "target": "digit",
            "positive": 8,
        }
    },
    "strategies": {"none": {}, "random_over": {}},
    "models": {
        "logistic_regression": {"params": {"max_iter": 200}},
        "xgboost": {"params": {"n_estimators": 20}},
    },
    "split": {"scheme": "stratified_kfold", "folds": 2, "repeats": 1, "validation": 0.2},
    "goal": "ranking",
    "worth": {},
    "thresholds": {"half": 0.5, "tuned": "f1", "cost": "expected"},
    "costs": {"false_positive": 1, "false_negative": 10},
}
PLOTS = tuple(
    f"data/plots/digits/{name}.csv" for name in ("precision_recall", "reliability", "confusion")
)
AFTER_TRAINING = {"evaluate@digits", "advise@digits", "report@digits", "compare"}

DOCUMENT = (REPOSITORY / "docs" / "dvc.md").read_text()
COMMANDS = [
    shlex.split(line)
    for block in re.findall(r"```bash\n(.*?)```", DOCUMENT, re.DOTALL)
    for line in block.splitlines()
    if line.startswith("dvc ")
]


def test_every_command_of_the_document_is_one_that_dvc_takes() -> None:
    assert len(COMMANDS) > 15
    for _, *arguments in COMMANDS:
        parse_args(arguments)


def test_every_override_of_the_document_fits_the_committed_parameters(tmp_path: Path) -> None:
    """A key that is there takes no +, a key that is not there takes one, and the outcome means
    something."""
    given = [
        [value for option, value in itertools.pairwise(words) if option == "-S"]
        for words in COMMANDS
    ]
    documented = [
        shlex.split(text)
        for text in re.findall(r"`('?~?\+?[a-z]+\.?[\w.]*=[^`]+|~[\w.]+)`", DOCUMENT)
    ]
    assert len(documented) > 9
    params = tmp_path / "params.yaml"
    for overrides in filter(None, given + documented):
        for one in get_hydra_sweeps({"params.yaml": overrides}):
            shutil.copy(REPOSITORY / "params.yaml", params)
            apply_overrides(params, one["params.yaml"])
            assert config.load(params) != config.load(REPOSITORY / "params.yaml"), one


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project with results that are committed, and nothing published."""
    project = Project.copied(tmp_path_factory.mktemp("views"))
    project.params = PARAMS
    (project.folder / "dvc.lock").unlink(missing_ok=True)
    project.repro("report@digits", "compare")
    commit(project, "twenty trees")
    return project


def commit(project: Project, message: str) -> None:
    project.git("add", "-A")
    project.git("commit", "-qm", message)


def answer(project: Project, *arguments: str) -> Any:
    """What a dvc command says in JSON."""
    outcome = project.dvc(*arguments, "--json")
    assert outcome.status == 0, outcome.text
    return json.loads(outcome.text)


def plotted(project: Project, *arguments: str) -> dict[str, dict[str, Any]]:
    """What a page of plots is filled with, by file, and no complaint."""
    found = answer(project, "plots", *arguments)
    assert "errors" not in found
    assert set(found["data"]) == set(PLOTS)
    return {name: pages[0]["content"] for name, pages in found["data"].items()}


def rows(content: dict[str, Any], rev: str) -> list[dict[str, str]]:
    """The rows of one revision, apart from what DVC adds to them."""
    added = ("rev", "filename", "field")
    return [
        {k: v for k, v in row.items() if k not in added}
        for row in content["data"]["values"]
        if row["rev"] == rev
    ]


def strategies(found: list[dict[str, str]]) -> set[str]:
    return {row.get("strategy") or row["cell"].partition("/")[0] for row in found}


def test_plots_show_lays_every_strategy_over_the_others(project: Project) -> None:
    contents = plotted(project, "show")
    for name, content in contents.items():
        assert strategies(rows(content, "workspace")) == set(PARAMS["strategies"]), name
    confusion = rows(contents["data/plots/digits/confusion.csv"], "workspace")
    rules = {(row["cell"].partition("/")[0], row["cell"].partition(", ")[2]) for row in confusion}
    expected = (*PARAMS["thresholds"], "cost_empirical")
    assert rules == {(s, rule) for s in PARAMS["strategies"] for rule in expected}
    one = answer(project, "plots", "show", "data/plots/digits/confusion.csv")["data"]
    assert set(one) == {"data/plots/digits/confusion.csv"}


def test_plots_show_writes_one_page(project: Project) -> None:
    assert project.dvc("plots", "show", "-q").status == 0
    page = (project.folder / "dvc_plots" / "index.html").read_text()
    assert page.count("vegaEmbed(") == len(PLOTS)
    assert not project.git("status", "--short"), "the page is not for git"


def test_the_templates_draw_what_dvc_hands_over(project: Project) -> None:
    """Two traps of Vega-Lite, of which neither is an error: lines go astray, and matrices stand
    under wrong headers."""
    contents = plotted(project, "show")
    for name in PLOTS[:2]:
        x, y = (f"datum['{column}']" for column in list(rows(contents[name], "workspace")[0])[2:4])
        made = {step["calculate"] for step in contents[name]["transform"]}
        assert {f"toNumber({x})", f"toNumber({y})"} <= made, (
            "DVC's values are texts, and 1e-05 comes after 0.9"
        )
    for side in contents[PLOTS[2]]["facet"].values():
        assert "sort" not in side, (
            "sorted by another field, rows and columns of facets are not where their headers are"
        )


def test_an_experiment_with_a_parameter_of_one_model_refits_that_model_alone(
    project: Project,
) -> None:
    outcome = project.dvc(
        "exp", "run", "-S", "models.xgboost.params.n_estimators=60", "-n", "sixty"
    )
    assert outcome.status == 0, outcome.text
    assert outcome.fits == {"digits": (4, 4)}
    assert outcome.computing == {"check", "train@digits", *AFTER_TRAINING}
    assert len(project.current_runs()) == 2 * 2 + 1


def test_exp_show_lists_the_experiment_with_what_was_changed_and_what_came_of_it(
    project: Project,
) -> None:
    _, head = answer(project, "exp", "show")
    (found,) = head["experiments"]
    (revision,) = found["revs"]
    assert revision["name"] == "sixty"
    before, after = (entry["data"]["params"]["params.yaml"]["data"] for entry in (head, revision))
    assert after["models"]["xgboost"]["params"]["n_estimators"] == 60
    after["models"]["xgboost"]["params"]["n_estimators"] = 20
    assert before == after, "nothing else is another"
    before, after = (
        entry["data"]["metrics"]["reports/metrics/digits.json"]["data"]
        for entry in (head, revision)
    )
    assert before == json.loads(project.git("show", "HEAD:reports/metrics/digits.json"))
    assert (
        after
        == json.loads((project.folder / "reports" / "metrics" / "digits.json").read_text())
        != before
    )


def test_exp_show_as_the_document_narrows_it_has_a_column_for_what_varies(project: Project) -> None:
    narrowed = next(
        command for command in COMMANDS if command[1:3] == ["exp", "show"] and "--md" in command
    )
    outcome = project.dvc(*narrowed[1:])
    assert outcome.status == 0, outcome.text
    header, _, *lines = (
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in outcome.text.splitlines()
        if "|" in line
    )
    assert {"Experiment", "average_precision", "models.xgboost.params.n_estimators"} <= set(header)
    assert len(header) < 10, "what does not vary is left out"
    trees = [line[header.index("models.xgboost.params.n_estimators")] for line in lines]
    assert trees == ["60", "20", "60"], "the workspace, HEAD and the experiment"
    assert "[sixty]" in lines[2][0]


def test_two_commits_differ_by_what_the_diffs_tell(project: Project) -> None:
    commit(project, "sixty trees")
    assert answer(project, "params", "diff", "HEAD~1", "HEAD") == {
        "params.yaml": {"models.xgboost.params.n_estimators": {"old": 20, "new": 60, "diff": 40}}
    }
    changes = answer(project, "metrics", "diff", "HEAD~1", "HEAD")["reports/metrics/digits.json"]
    old, new = (
        json.loads(project.git("show", f"{rev}:reports/metrics/digits.json"))
        for rev in ("HEAD~1", "HEAD")
    )
    name = "average_precision"
    assert old[name] != new[name]
    assert changes[name] == {
        "old": old[name],
        "new": new[name],
        "diff": pytest.approx(new[name] - old[name]),
    }
    assert "positives" not in changes, "only what differs is listed"


def test_plots_diff_lays_two_commits_over_each_other(project: Project) -> None:
    contents = plotted(project, "diff", "HEAD~1", "HEAD")
    for name, content in contents.items():
        old, new = rows(content, "HEAD~1"), rows(content, "HEAD")
        assert strategies(old) == strategies(new) == set(PARAMS["strategies"]), name
        assert old != new, name
    alone = answer(project, "plots", "diff", "HEAD~1", "HEAD", "--targets", PLOTS[0])["data"]
    assert set(alone) == {PLOTS[0]}


def test_a_key_that_is_not_there_takes_a_plus_sign(project: Project) -> None:
    refused = project.dvc("exp", "run", "-S", "models.xgboost.params.max_depth=3")
    assert refused.status != 0
    assert "To append to your config use +models.xgboost.params.max_depth=3" in refused.text
    assert not project.git("status", "--short")


def test_an_experiment_in_a_folder_of_its_own_leaves_the_workspace_alone(project: Project) -> None:
    """With the store of fitted cells copied along it trains nothing, and it publishes where people
    look."""
    before = project.all_runs()
    outcome = project.dvc(
        "exp", "run", "--temp", "-C", "data/store", "-S", "costs.false_negative=25", "-n", "dear"
    )
    assert outcome.status == 0, outcome.text
    assert outcome.fits == {"digits": (0, 8)}
    assert not project.git("status", "--short")
    assert project.all_runs() > before
    changes = answer(project, "exp", "diff", "HEAD", "dear")
    assert changes["params"]["params.yaml"] == {
        "costs.false_negative": {"old": 10, "new": 25, "diff": 15}
    }
    assert "expected_cost" in changes["metrics"]["reports/metrics/digits.json"]


def test_an_experiment_is_applied_taken_back_and_removed(project: Project) -> None:
    assert project.dvc("exp", "apply", "dear").status == 0
    assert project.params["costs"]["false_negative"] == 25
    page = (project.folder / "reports" / "digits.html").read_bytes()
    for line in ("git checkout -- params.yaml dvc.lock reports", "dvc checkout"):
        assert line in DOCUMENT
    project.git("checkout", "--", "params.yaml", "dvc.lock", "reports")
    assert project.dvc("checkout", "-q").status == 0
    assert project.params["costs"]["false_negative"] == 10
    assert (project.folder / "reports" / "digits.html").read_bytes() != page
    assert "changed" not in re.sub("always changed", "", project.dvc("status").text)
    assert project.dvc("exp", "remove", "-q", "dear").status == 0
    assert "dear" not in project.dvc("exp", "list", "-A", "--name-only").text
