"""What the figures were measured on."""

from __future__ import annotations

import datetime
import platform
import re
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil
from joblib import cpu_count

from benchmarks.speed import environments, repro

PACKAGES = (
    "dvc",
    "mlflow",
    "imbalanced-learn",
    "scikit-learn",
    "xgboost-cpu",
    "xgboost",
    "joblib",
    "numpy",
    "pandas",
)
OTHERS = ("pycaret", "smote_variants")


def processor() -> str:
    about = Path("/proc/cpuinfo")
    named = re.search(r"model name\s*:\s*(.+)", about.read_text()) if about.is_file() else None
    return named.group(1).strip() if named else platform.processor() or platform.machine()


def versions() -> dict[str, str]:
    """Of what is installed here, and of those that live in environments of their own."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    for name in OTHERS:
        text = (environments.HERE / f"requirements-{name}.txt").read_text()
        pinned = re.search(rf"^{name.replace('_', '[-_]')}==(.+)$", text, re.MULTILINE)
        assert pinned is not None
        found[name] = pinned.group(1)
    return found


def facts() -> dict[str, Any]:
    commit, changed = repro.commit()
    return {
        "cores": cpu_count(),
        "processor": processor(),
        "memory_bytes": psutil.virtual_memory().total,
        "system": f"{platform.system()} {platform.machine()}",
        "versions": versions(),
        "commit": commit,
        "uncommitted_changes": changed,
        "day": datetime.datetime.now(tz=datetime.UTC).date().isoformat(),
    }


def sentence(told: dict[str, Any]) -> str:
    """The facts in one line."""
    packages = ", ".join(f"{name} {number}" for name, number in told["versions"].items())
    return (
        f"{told['cores']} cores of {told['processor']}, {told['memory_bytes'] / 2**30:.0f} GiB,"
        f" {told['system']}; {told['day']}, commit {told['commit']}; {packages}."
    )
