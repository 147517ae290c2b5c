"""Two people change different strategies: the merge of their branches computes no cell again, driver or no driver."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from stages.errors import ResultError
from stages.paths import REPOSITORY
from stages.sharing import lock
from tests.project import Project
from tests.shared_results import ALL, colleague, computed, owner, ran

# ----------------------------------------------------------------- three versions of dvc.lock


def entry(md5: str) -> dict[str, Any]:
    return {"cmd": "python -m stages.x", "outs": [{"path": "x", "md5": md5}]}


def content(**stages: str) -> dict[str, Any]:
    return {"schema": "2.0", "stages": {name: entry(md5) for name, md5 in stages.items()}}


@pytest.mark.parametrize(
    ("base", "ours", "theirs", "expected", "left_out"),
    [
        ({"s": "0"}, {"s": "0"}, {"s": "0"}, {"s": "0"}, ()),
        ({"s": "0"}, {"s": "1"}, {"s": "0"}, {"s": "1"}, ()),  # changed by us
        ({"s": "0"}, {"s": "0"}, {"s": "1"}, {"s": "1"}, ()),  # by them
        ({"s": "0"}, {"s": "1"}, {"s": "1"}, {"s": "1"}, ()),  # by both, alike
        ({"s": "0"}, {"s": "1"}, {"s": "2"}, {}, ("s",)),  # by both, differently
        ({}, {"s": "1"}, {}, {"s": "1"}, ()),  # added by us
        ({}, {}, {"s": "1"}, {"s": "1"}, ()),  # by them
        ({}, {"s": "1"}, {"s": "1"}, {"s": "1"}, ()),  # by both, alike
        ({}, {"s": "1"}, {"s": "2"}, {}, ("s",)),  # by both, differently
        ({"s": "0"}, {}, {"s": "0"}, {}, ()),  # removed by us
        ({"s": "0"}, {"s": "0"}, {}, {}, ()),  # by them
        ({"s": "0"}, {}, {}, {}, ()),  # by both
        ({"s": "0"}, {}, {"s": "1"}, {}, ("s",)),  # removed by us, changed by them
        ({"s": "0"}, {"s": "1"}, {}, {}, ("s",)),  # the other way round
        ({"a": "0", "b": "0"}, {"a": "1", "b": "0", "c": "1"}, {"a": "0", "b": "2", "d": "2"},
         {"a": "1", "b": "2", "c": "1", "d": "2"}, ()),
    ],
)  # fmt: skip
def test_the_side_that_changed_a_stage_has_its_way(
    base: dict[str, str],
    ours: dict[str, str],
    theirs: dict[str, str],
    expected: dict[str, str],
    left_out: tuple[str, ...],
) -> None:
    merged = lock.merged(content(**base), content(**ours), content(**theirs))
    assert merged.content == content(**expected)
    assert list(merged.content["stages"]) == list(expected)
    assert merged.left_out == left_out


def test_what_stands_beside_the_stages_is_merged_in_the_same_way() -> None:
    data = [{"name": "x", "type": "dvc"}]
    merged = lock.merged(content(s="0"), content(s="0"), {**content(s="0"), "datasets": data})
    assert merged.content["datasets"] == data
    assert lock.merged({}, content(s="1"), content(t="1")).content == content(s="1", t="1")


def test_a_lock_is_written_as_dvc_writes_it() -> None:
    """Else the next run of DVC would change every line."""
    for path in (REPOSITORY / "dvc.lock", REPOSITORY / "benchmarks" / "imbalanced_learn" / "dvc.lock"):
        text = path.read_text()
        read = lock.parsed(text, str(path))
        assert lock.written(read) == text
        assert lock.written(lock.merged(read, read, read).content) == text


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("schema: '3.0'\nstages: {}\n", "schema: '3.0'"),
        ("train:\n  md5: x\n", "schema: None"),
        ("schema: '2.0'\nstages:\n- train\n", "no mapping of stages"),
        ("- train\n", "no mapping of stages"),
        ("<<<<<<< HEAD\nstages: {\n", "no valid YAML"),
    ],
)
def test_a_lock_of_another_layout_is_refused(text: str, found: str) -> None:
    with pytest.raises(ResultError) as refused:
        lock.parsed(text, "dvc.lock, our side")
    assert found in str(refused.value)
    assert "dvc.lock, our side" in str(refused.value)
    assert lock.parsed("", "dvc.lock") == {}


def test_what_goes_to_the_driver_is_what_the_pipelines_write_into_git() -> None:
    """Every result that git tracks, and dvc.lock; nothing that a person writes."""
    made = {"dvc.lock", "benchmarks/imbalanced_learn/dvc.lock"}
    for folder in (Path(), Path("benchmarks/imbalanced_learn")):
        for stage in yaml.safe_load((REPOSITORY / folder / "dvc.yaml").read_text())["stages"].values():
            for out in [*stage.get("outs", []), *stage.get("metrics", [])]:
                if isinstance(out, dict) and next(iter(out.values())).get("cache") is False:
                    made.add((folder / next(iter(out))).as_posix())
    made = {path for path in made if not path.startswith("data/")}  # which git ignores
    tracked = subprocess.run(
        ["git", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, text=True, check=True
    ).stdout  # fmt: skip
    answers = subprocess.run(
        ["git", "check-attr", "-z", "--stdin", "merge"], cwd=REPOSITORY, input=tracked, capture_output=True, text=True,
        check=True,
    ).stdout.split("\0")  # fmt: skip
    given = {path for path, _, value in zip(*[iter(answers)] * 3, strict=False) if value == "counterpoise"}
    assert given == made


# ----------------------------------------------------------------- two people, two branches


def changed(base: Project, folder: Path, branch: str, strategy: str) -> Project:
    """A person's clone on a branch of its own, with one strategy changed, computed and pushed."""
    project = owner(base, folder)
    project.git("checkout", "-qb", branch)
    params = project.params
    params["strategies"][strategy]["ratio"] = 0.5
    project.params = params
    assert set(project.repro(*ALL).fits) == {f"digits {strategy}"}
    project.git("commit", "-qam", f"{strategy} at a half")
    ran(project, "push", "--run-cache")
    return project


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, Project]:
    """Alice, who changed one strategy, and Bob, who changed another; both know the other's branch."""
    folder = tmp_path_factory.mktemp("people")
    base = owner(computed(tmp_path_factory), folder / "base")
    ran(base, "remote", "add", "-d", "team", str(folder / "remote"))
    ran(base, "remote", "modify", "team", "verify", "true")
    base.git("commit", "-qam", "the team's remote")
    alice = changed(base, folder / "alice", "alice", "random_under")
    bob = changed(base, folder / "bob", "bob", "random_over")
    alice.git("fetch", "-q", str(bob.folder), "bob:bob")
    bob.git("fetch", "-q", str(alice.folder), "alice:alice")
    return alice, bob


CELLS = {
    f"{stage}@digits-{strategy}" for stage in ("resample", "train") for strategy in ("random_under", "random_over")
}


def test_a_stopped_merge_is_resolved_and_no_cell_is_computed_again(people: tuple[Project, Project]) -> None:
    alice, _bob = people
    stopped = alice.run("git", "merge", "bob")
    assert stopped.status != 0
    in_conflict = set(alice.git("diff", "--name-only", "--diff-filter=U").split())
    assert (
        {"dvc.lock"}
        <= in_conflict
        <= {"dvc.lock", "reports/leaderboard.csv", "reports/decisions.csv", "reports/metrics.json"}
    )

    resolved = alice.stage("merge")
    assert resolved.status == 0, resolved.text
    assert alice.git("diff", "--name-only", "--diff-filter=U") == ""
    merged, ours, theirs = (
        lock.parsed(alice.git("show", f"{revision}:dvc.lock"), revision)["stages"] for revision in ("", "HEAD", "bob")
    )
    assert set(ours) - set(merged) == {"evaluate@digits", "report@digits", "compare"}
    assert "left for `dvc repro`: evaluate@digits, report@digits, compare" in resolved.text
    assert merged["train@digits-random_under"] == ours["train@digits-random_under"]
    assert merged["train@digits-random_over"] == theirs["train@digits-random_over"]
    assert set(merged) >= CELLS

    ran(alice, "pull", "--allow-missing")
    outcome = alice.dvc("repro", "--pull", *ALL)
    assert outcome.status == 0, outcome.text
    assert outcome.computing == {"evaluate@digits", "report@digits", "compare"}
    assert outcome.fits == {}
    assert alice.repro(*ALL).stages == []
    alice.git("add", "dvc.lock", "reports")
    alice.git("commit", "-qm", "both")
    assert alice.git("status", "--porcelain") == ""
    ran(alice, "push", "--run-cache")


def test_with_the_driver_git_does_not_stop_and_the_colleagues_merge_is_taken_from_the_run_cache(
    people: tuple[Project, Project],
) -> None:
    alice, bob = people
    assert bob.stage("merge", "--install").status == 0
    merged = bob.run("git", "merge", "--no-commit", "alice")
    assert merged.status == 0, merged.text
    assert "left for `dvc repro`: evaluate@digits, report@digits, compare" in merged.text
    assert bob.stage("merge").status == 0, "nothing is left to resolve, and it says how to go on"
    ran(bob, "pull", "--allow-missing")
    outcome = bob.dvc("repro", "--pull", *ALL)
    assert outcome.status == 0, outcome.text
    assert outcome.computing == {"compare"}, "evaluated by Alice already"
    assert bob.repro(*ALL).stages == []
    assert bob.stage("same", str(alice.folder / "reports"), "reports").status == 0
    locks = [lock.parsed((who.folder / "dvc.lock").read_text(), "dvc.lock")["stages"] for who in people]
    assert {name: one for name, one in locks[0].items() if name != "compare"} == {
        name: one for name, one in locks[1].items() if name != "compare"
    }  # the page of compare tells when it was measured


@pytest.fixture
def apart(people: tuple[Project, Project], tmp_path: Path) -> Project:
    """A clone in which two branches have changed one line of params.yaml and one stage each; nothing is computed."""
    clone = colleague(people[0], tmp_path / "apart")
    clone.git("checkout", "-qB", "main", "alice~1")
    for branch, seed in (("one", 1), ("two", 2)):
        clone.git("checkout", "-qb", branch, "main")
        clone.params = {**clone.params, "seed": seed}
        path = clone.folder / "dvc.lock"
        path.write_text(
            path.read_text().replace("cmd: python -m stages.warm compare", f"cmd: python -m stages.warm compare {seed}")
        )
        clone.git("commit", "-qam", branch)
    return clone


def test_what_a_person_wrote_is_left_to_the_person(apart: Project) -> None:
    assert apart.run("git", "merge", "one").status != 0
    resolved = apart.stage("merge")
    assert resolved.status == 1
    assert "Yours to resolve, and first:\n  params.yaml" in resolved.text
    assert apart.git("diff", "--name-only", "--diff-filter=U").split() == ["params.yaml"]
    assert "<<<<<<<" in (apart.folder / "params.yaml").read_text()
    assert "<<<<<<<" not in (apart.folder / "dvc.lock").read_text()

    apart.git("add", "params.yaml")
    marked = apart.stage("merge")
    assert marked.status == 1
    assert "params.yaml was marked as resolved with git's conflict markers in it." in marked.text
    assert "params.yaml: line 1" in marked.text


def test_a_rebase_is_resolved_like_a_merge(apart: Project) -> None:
    assert apart.run("git", "rebase", "one").status != 0
    apart.git("checkout", "--ours", "params.yaml")
    apart.git("add", "params.yaml")
    resolved = apart.stage("merge")
    assert resolved.status == 0, resolved.text
    assert "left for `dvc repro`: compare" in resolved.text


def test_where_there_is_nothing_to_resolve_it_says_so(apart: Project) -> None:
    told = apart.stage("merge")
    assert told.status == 1
    assert "There is nothing to resolve" in told.text
    shutil.rmtree(apart.folder / ".git")
    told = apart.stage("merge")
    assert told.status == 1
    assert "not a git repository" in told.text


@pytest.mark.parametrize("driver", [False, True])
def test_a_lock_that_is_not_understood_stays_in_conflict_and_says_why(apart: Project, driver: bool) -> None:
    path = apart.folder / "dvc.lock"
    path.write_text(path.read_text().replace("schema: '2.0'", "schema: '3.0'"))
    apart.git("commit", "-qam", "another layout")
    if driver:
        assert apart.stage("merge", "--install").status == 0
    stopped = apart.run("git", "merge", "one")
    assert stopped.status != 0
    told = stopped if driver else apart.stage("merge")
    assert "This dvc.lock cannot be merged stage by stage." in told.text
    assert "schema: '3.0'" in told.text
    assert "dvc.lock" in apart.git("diff", "--name-only", "--diff-filter=U").split()


# ----------------------------------------------------------------- experiments


def test_an_experiment_goes_to_a_colleague_with_its_results(people: tuple[Project, Project], tmp_path: Path) -> None:
    """Through a bare git repository and the DVC remote."""
    alice, _ = people
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(tmp_path / "origin")], check=True)
    alice.git("remote", "add", "origin", str(tmp_path / "origin"))
    alice.git("push", "-q", "origin", "alice:main")
    clone = Project(tmp_path / "b")
    alice.git("clone", "-q", str(tmp_path / "origin"), str(clone.folder))

    ran(alice, "exp", "run", "-q", "-S", "thresholds.tuned=mcc", "-n", "mcc", *ALL)
    wanted = json.loads((alice.folder / "reports" / "metrics.json").read_text())
    ran(alice, "exp", "push", "origin", "mcc")

    assert "mcc" in ran(clone, "exp", "list", "origin")
    ran(clone, "exp", "pull", "origin", "mcc")
    ran(clone, "exp", "apply", "mcc")
    assert clone.params["thresholds"]["tuned"] == "mcc"
    assert json.loads((clone.folder / "reports" / "metrics.json").read_text()) == wanted
    ran(clone, "pull", "--allow-missing")
    assert clone.repro(*ALL).stages == []
