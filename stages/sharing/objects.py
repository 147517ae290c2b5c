"""The objects that this workspace's results consist of, and whether the remote and the cache really hold them.

DVC names an object by the MD5 of its bytes and trusts the name from then on: one that is there under its name counts as
present, so a corrupted one is never pushed again, and is pulled like any other unless the remote has `verify` set. Here the
bytes are read.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stages.errors import ConfigurationError, CounterpoiseError, StorageError

if TYPE_CHECKING:
    from dvc_data.hashfile.db import HashFileDB
    from dvc_data.hashfile.tree import Tree

FOLDER = ".dir"
"""How the name of an object ends that lists the files of a folder."""


@dataclass(frozen=True)
class Needed:
    """An object that dvc.lock or a .dvc file asks for: a stage and path it belongs to, and whether the stage makes it."""

    name: str
    stage: str
    path: Path
    made: bool

    @property
    def lists_files(self) -> bool:
        """Whether it is the list of a folder's files."""
        return self.name.endswith(FOLDER)


@dataclass(frozen=True)
class Seen:
    """What lies under an object's name: the MD5 of its bytes in the remote and in the cache, None where nothing lies."""

    needed: Needed
    remote: str | None
    cache: str | None

    @property
    def in_remote(self) -> bool:
        return self.remote == self._right

    @property
    def in_cache(self) -> bool:
        return self.cache == self._right

    @property
    def sound(self) -> bool:
        """Whether the remote has it, and the cache has it or nothing, which a pull mends."""
        return self.in_remote and (self.in_cache or self.cache is None)

    @property
    def _right(self) -> str:
        return self.needed.name.removesuffix(FOLDER)


class Shared:
    """The remote and the cache of the repository in the working directory.

    Parameters
    ----------
    name : str, optional
        The remote; the default one without.

    Raises
    ------
    ConfigurationError
        When there is no such remote, or this is no DVC repository.
    StorageError
        From every method, when the remote cannot be reached or refuses.
    """

    def __init__(self, name: str | None = None) -> None:
        from dvc.exceptions import DvcException  # type: ignore[import-untyped]
        from dvc.repo import Repo  # type: ignore[import-untyped]

        try:
            self._repo = Repo()
            self.name = str(name or self._repo.config["core"].get("remote") or "")
            with self._told():
                self._remote: HashFileDB = self._repo.cloud.get_remote_odb(name, "push")
        except DvcException as error:
            raise ConfigurationError(
                "There is no remote to look at.",
                where=".dvc/config",
                expected="a remote as docs/team.md sets one up",
                found=" ".join(str(error).split()),
                todo="`dvc remote add -d team ADDRESS`, or name one that is there with `--remote`.",
            ) from error
        self._cache: HashFileDB = self._repo.cache.local

    @property
    def address(self) -> str:
        return str(self._remote.fs.unstrip_protocol(self._remote.path))

    @property
    def verified(self) -> bool:
        """Whether DVC looks at the bytes of what it pulls from this remote."""
        return bool(self._remote.verify)

    def seen(self, progress: Callable[[Iterable[Seen], int], Iterable[Seen]]) -> list[Seen]:
        """Read every object that is needed, here and there.

        Parameters
        ----------
        progress : callable
            Shows how far an iterable of so many objects has come, and passes them on.
        """
        outs = [
            Needed(str(out.hash_info.value), str(out.stage.addressing), Path(out.fs_path), bool(out.stage.cmd))
            for out in self._repo.index.outs
            if out.use_cache and out.hash_info and out.hash_info.name == self._cache.hash_name
        ]
        found = self._look_at(outs, progress)
        files = {file.name: file for one in found for file in self._files_of(one)}
        known = {one.needed.name for one in found}
        return found + self._look_at([file for name, file in files.items() if name not in known], progress)

    def _look_at(
        self, needed: Iterable[Needed], progress: Callable[[Iterable[Seen], int], Iterable[Seen]]
    ) -> list[Seen]:
        once = list({one.name: one for one in needed}.values())
        with self._told(), ThreadPoolExecutor(self._remote.fs.jobs) as pool:
            return list(progress(pool.map(self._look, once), len(once)))

    def _look(self, needed: Needed) -> Seen:
        return Seen(needed, _md5(self._remote, needed.name), _md5(self._cache, needed.name))

    def _files_of(self, folder: Seen) -> Iterator[Needed]:
        """The files that a sound list of a folder names; of one that is nowhere sound they are not known."""
        if not folder.needed.lists_files or not (folder.in_cache or folder.in_remote):
            return
        tree = _tree(self._cache if folder.in_cache else self._remote, folder.needed.name)
        for key, _, about in tree:
            if about is not None and about.value:
                yield replace(folder.needed, name=about.value, path=folder.needed.path.joinpath(*key))

    def repair(self, one: Seen) -> Seen:
        """Put the sound copy, if there is one, in the place of what is missing or corrupted, and look again.

        Where there is none, a stage's result leaves the cache, so that `dvc repro` makes it again. A corrupted file that no
        stage makes stays: it may be all that there is.
        """
        name = one.needed.name
        with self._told(), self._repo.lock:
            if one.in_cache and not one.in_remote:
                self._replace(self._cache, self._remote, name)
            elif one.in_remote and not one.in_cache and one.cache is not None:
                self._replace(self._remote, self._cache, name)
                self._bring_back(one)
            elif one.cache is not None and one.needed.made:
                self._cache.fs.remove(self._cache.oid_to_path(name))
            return self._look(one.needed)

    def _replace(self, source: HashFileDB, target: HashFileDB, name: str) -> None:
        """A file cannot be renamed onto one that is there on every kind of remote, so what is wrong goes first."""
        from dvc_data.hashfile.db import get_index

        get_index(self._remote).clear()  # DVC's own notes of what is there
        with suppress(FileNotFoundError):
            target.fs.remove(target.oid_to_path(name))
        target.add(source.oid_to_path(name), source.fs, name, check_exists=False, verify=False)

    def _bring_back(self, one: Seen) -> None:
        """The workspace's file, if it is a copy of the corrupted object: DVC believes it to be the right one."""
        path = one.needed.path
        if path.is_file() and _md5_of_file(str(path), self._cache) == one.cache:
            path.unlink()
            shutil.copyfile(self._cache.oid_to_path(one.needed.name), path)

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Whatever a kind of remote, its library or the network raises."""
        from dvc.exceptions import DvcException

        try:
            yield
        except (CounterpoiseError, DvcException):
            raise
        except Exception as error:
            raise StorageError(
                "The remote cannot be used.",
                where=f"remote {self.name}",
                expected="a server that answers and lets you in; to repair, one that lets you write",
                found=f"{type(error).__name__}: {' '.join(str(error).split())}",
                todo="the table in docs/team.md says what each message means.",
            ) from error


def _md5(odb: HashFileDB, name: str) -> str | None:
    return _md5_of_file(odb.oid_to_path(name), odb)


def _md5_of_file(path: str, odb: HashFileDB) -> str | None:
    from dvc_data.hashfile.hash import file_md5

    try:
        return str(file_md5(path, odb.fs))
    except FileNotFoundError:
        return None


def _tree(odb: HashFileDB, name: str) -> Tree | Any:
    from dvc_data.hashfile.hash_info import HashInfo
    from dvc_data.hashfile.tree import Tree

    return Tree.load(odb, HashInfo(odb.hash_name, name))
