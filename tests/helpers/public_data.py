"""Public datasets for the tests where there is no mirror: downloaded once, each verified."""

from __future__ import annotations

import contextlib
import shutil
import tarfile
from pathlib import Path, PurePosixPath

from counterpoise.core import config
from counterpoise.core.paths import REPOSITORY
from counterpoise.data import sources

FOLDERS = {
    "creditcard_data.zip": "creditcard-prefix",
    "train_sml_bg.csv": "higgs-sample",
    "train_sml_sig.csv": "higgs-sample",
    "benchmark-imbalanced-learn.tar.gz": "zenodo61452",
}
"""Where in a mirror the tests look for a file."""


def downloaded() -> Path:
    """A folder with the files of all datasets, as a mirror has them.

    Raises
    ------
    SourceError
        When no address answers, or bytes are others than were promised.
    """
    mirror = (REPOSITORY / "data" / "downloads" / "mirror").absolute()
    for params in (REPOSITORY, REPOSITORY / "benchmarks" / "imbalanced_learn"):
        for name, entry in config.load(params / "params.yaml").datasets.items():
            for file in entry.source.files if entry.source is not None else ():
                target = mirror / FOLDERS.get(file.name, "") / (file.member or file.name)
                if file.sha256 is not None:
                    target = target.with_name(file.name)
                if not target.is_file():
                    target.parent.mkdir(parents=True, exist_ok=True)
                    with contextlib.chdir(REPOSITORY):
                        found = sources.locate(file, name).absolute()
                    taken(found, file.member if file.sha256 is None else None, target)
    return mirror


def taken(found: Path, member: str | None, target: Path) -> None:
    """Copy a file, or a member of an archive."""
    if member is None or not tarfile.is_tarfile(found):
        shutil.copyfile(found, target)
        return
    with tarfile.open(found) as archive:
        entry = next(one for one in archive if PurePosixPath(one.name).name == member)
        content = archive.extractfile(entry)
        assert content is not None
        with target.open("wb") as file:
            shutil.copyfileobj(content, file)
