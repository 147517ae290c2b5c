"""What can go wrong, and how a person is told.

    CounterpoiseError
     |-- ConfigurationError   params.yaml asks for something that does not exist or makes no sense
     |-- SourceError          a dataset's bytes cannot be had, or are not those that were promised
     |-- TableError           the bytes are there, but they are no table that can be learned from
     |-- SplitError           the table cannot be split as asked
     |-- ResultError          a result of an earlier stage is missing or does not fit
     |-- StorageError         a result cannot be written
     |-- DeviceError          the device that a model asks for is not there
     |-- ClusterError         the cluster that is named cannot be reached, or cannot do the work
     +-- LibraryError         a library that the work needs is not installed
    NotApplicable             a remedy that cannot run on these rows: a result with its reason

Every message says what is wrong, where, what was expected, what was found, and what to do.
"""

from __future__ import annotations

import difflib
import errno
import functools
import sys
from collections.abc import Callable, Iterable
from typing import Any

from counterpoise import INTERRUPTED


class CounterpoiseError(Exception):
    """One mistake that a person can mend.

    Parameters
    ----------
    what : str
        The mistake in one sentence.
    where, expected, found, todo : str, optional
        The file or key, what should have been there, what was there, and the way out.
    """

    def __init__(
        self,
        what: str,
        *,
        where: str | None = None,
        expected: str | None = None,
        found: str | None = None,
        todo: str | None = None,
    ) -> None:
        self.what, self.where, self.expected, self.found, self.todo = (
            what,
            where,
            expected,
            found,
            todo,
        )
        super().__init__(what)

    def __str__(self) -> str:
        parts = (
            ("where", self.where),
            ("expected", self.expected),
            ("found", self.found),
            ("to do", self.todo),
        )
        return "\n".join(
            [self.what, *(f"  {name + ':':<10}{text}" for name, text in parts if text is not None)]
        )


class ConfigurationError(CounterpoiseError):
    """params.yaml asks for something that does not exist or makes no sense."""


class SourceError(CounterpoiseError):
    """A dataset's bytes cannot be had, or are not the bytes that were promised."""


class TableError(CounterpoiseError):
    """The bytes are there, but they are no table that can be learned from."""


class SplitError(CounterpoiseError):
    """The table cannot be split as asked."""


class ResultError(CounterpoiseError):
    """A result of an earlier stage is missing or does not fit."""


class StorageError(CounterpoiseError):
    """A result cannot be written."""


class DeviceError(CounterpoiseError):
    """The device that a model asks for is not there."""


class ClusterError(CounterpoiseError):
    """The cluster that is named cannot be reached, or cannot do the work."""


class LibraryError(CounterpoiseError):
    """A library that the work needs is not installed."""

    @classmethod
    def of(cls, error: ModuleNotFoundError) -> LibraryError:
        """What to tell where an import fails."""
        return cls(
            f"The library {(error.name or 'that is asked for').partition('.')[0]} is not"
            " installed.",
            expected="an environment with all of requirements.lock",
            found=str(error),
            todo="`pip install -r requirements.lock` in the environment that runs this.",
        )


class NotApplicable(Exception):
    """A remedy that cannot run on these rows; the text is the reason, as the library gives it where
    it gives one."""


def no_space(error: OSError, where: str) -> StorageError | None:
    """The message for a full disk or an exhausted quota; None for any other error."""
    if error.errno not in (errno.ENOSPC, errno.EDQUOT):
        return None
    return StorageError(
        "There is no room left on the disk.",
        where=where,
        found=error.strerror,
        todo=(
            "free some space and run `dvc repro` again; nothing was left half-written. `dvc gc"
            " --workspace` drops cached results that no dvc.lock of yours needs, and the folder"
            " data/store/ may be deleted at any time."
        ),
    )


BRING_BACK = (
    "Results of an earlier run are not lost: `dvc checkout` brings back those that dvc.lock names, "
    "`git checkout -- reports dvc.lock` those in git."
)


def guarded(main: Callable[[], int | None], *, bring_back: bool = True) -> Callable[[], int]:
    """Turn the errors that a person can mend into a message on standard error and exit status 1."""

    @functools.wraps(main)
    def run() -> int:
        try:
            return main() or 0
        except CounterpoiseError as error:
            message: Exception = error
        except ModuleNotFoundError as error:
            message = LibraryError.of(error)
        except OSError as error:
            message = no_space(error, str(error.filename or "")) or error
            if message is error:
                raise
        except KeyboardInterrupt:
            print(INTERRUPTED, file=sys.stderr)
            return 130
        print(f"\nerror: {message}" + (f"\n  {BRING_BACK}" if bring_back else ""), file=sys.stderr)
        return 1

    return run


def unknown(
    what: str, word: str, known: Iterable[str], *, where: str, todo: str, expected: str = "one of: "
) -> ConfigurationError:
    """The message for a name that does not exist, with a hint at the closest one that does."""
    known = list(known)
    return ConfigurationError(
        f"{what}{did_you_mean(word, known)}.",
        where=where,
        expected=expected + ", ".join(known),
        found=repr(word),
        todo=todo,
    )


def did_you_mean(word: str, known: Any) -> str:
    """A hint at the known word that is closest, or nothing."""
    close = difflib.get_close_matches(word, [str(k) for k in known], n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""
