"""The wheel: built from the working tree, and tried in a folder that has nothing of the clone."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from counterpoise.core import yaml12
from counterpoise.core.paths import REPOSITORY
from tests.helpers.project import Project

OWN_TABLE = {
    "seed": 1,
    "datasets": {"mine": {"path": "mine.csv", "target": "y", "positive": 1}},
    "strategies": {"none": {}, "random_over": {}},
    "models": {"logistic_regression": {}},
    "split": {"scheme": "holdout"},
    "goal": "ranking",
    "worth": {},
    "thresholds": {},
    "costs": {"false_positive": 1, "false_negative": 2},
}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    source = Project.copied(folder / "source").folder
    done = subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder)],
        cwd=source,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (found,) = folder.glob("counterpoise-*.whl")
    return found


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("installed")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*pip, "--target", str(folder), str(wheel)], check=True)
    return folder


def ran(installed: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    program = installed / "bin" / "counterpoise"
    variables = {
        name: value for name, value in os.environ.items() if not name.startswith("COUNTERPOISE")
    }
    return subprocess.run(
        [sys.executable, str(program), *arguments],
        cwd=folder,
        env={**variables, "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
    )


def test_it_holds_the_package_and_its_templates_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.partition("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"counterpoise"}
    files = {
        path.relative_to(REPOSITORY).as_posix() for path in REPOSITORY.glob("counterpoise/**/*")
    }
    sources = {name for name in files if name.endswith((".py", ".j2", ".css", ".js"))}
    assert sources <= set(names)


def test_its_commands_work_outside_of_the_clone(installed: Path, tmp_path: Path) -> None:
    asked = ran(installed, tmp_path, "--help")
    assert asked.returncode == 0 and "promote" in asked.stdout
    nothing = ran(installed, tmp_path, "check")
    assert nothing.returncode == 1 and "There is no params.yaml here." in nothing.stderr
    (tmp_path / "params.yaml").write_text(yaml12.dump(OWN_TABLE))
    rows = "".join(f"{k},{k * 7 % 11},{int(k % 9 == 0)}\n" for k in range(200))
    (tmp_path / "mine.csv").write_text("a,b,y\n" + rows)
    checked = ran(installed, tmp_path, "check")
    assert checked.returncode == 0, checked.stderr
    assert "params.yaml: OK, 1 datasets x 2 combinations" in checked.stdout
    reports = REPOSITORY / "reports"
    shutil.copytree(reports, tmp_path / "a")
    same = ran(installed, tmp_path, "same", "a", str(reports))
    assert same.stdout == "the same, measured values apart\n"


def test_its_library_finds_all_that_it_needs_outside_of_the_clone(
    installed: Path, tmp_path: Path
) -> None:
    """The templates, the versions of libraries, and the digest of its own code."""
    code = (
        "from counterpoise.core.environment import requirements\n"
        "from counterpoise.engine import fingerprint\n"
        "from counterpoise.report.templating import TEMPLATES\n"
        "assert (TEMPLATES / 'dataset.html.j2').is_file()\n"
        "assert 'scikit-learn==' in requirements()\n"
        "files = fingerprint.closure('counterpoise.engine.fit')\n"
        "print(len(files))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 20
