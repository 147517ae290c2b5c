"""The errors of the package, and how they are shown to a person.

    CounterpoiseError
     |-- ConfigurationError   the settings ask for something that does not exist or is invalid
     |-- SourceError          a dataset's bytes cannot be obtained, or have another checksum
     |-- TableError           the bytes are no table that can be learned from
     |    +-- TableErrors     several mistakes of one table
     |-- SplitError           the table cannot be split by its scheme
     |-- ResultError          a result of an earlier stage is missing or does not fit
     |-- StorageError         a result cannot be written, or a store cannot be reached
     |-- DeviceError          the device that a model asks for is missing
     |-- ClusterError         the named cluster cannot be reached, or cannot do the work
     +-- LibraryError         a required library is not installed
    NotApplicable             a remedy that cannot run on these rows: a result with its reason

Every message says what is wrong, where, what was expected, what was found, and what to do.
"""

from __future__ import annotations

import difflib
import errno
import functools
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from counterpoise import INTERRUPTED


class CounterpoiseError(Exception):
    """One mistake that the user can correct.

    Parameters
    ----------
    what : str
        The mistake in one sentence.
    where : str, optional
        The file, key, variable or address.
    expected : str, optional
        What should have been there.
    found : str, optional
        What was there.
    todo : str, optional
        How to correct it.
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
    """The settings ask for something that does not exist or is invalid."""


class SourceError(CounterpoiseError):
    """A dataset's bytes cannot be obtained, or have another checksum than its entry gives."""


class TableError(CounterpoiseError):
    """The bytes are no table that can be learned from."""


class TableErrors(TableError):
    """Several mistakes of one table.

    Parameters
    ----------
    errors : sequence of TableError

    Attributes
    ----------
    errors : tuple of TableError
    """

    def __init__(self, errors: Sequence[TableError]) -> None:
        super().__init__(f"The table has {len(errors)} mistakes.")
        self.errors = tuple(errors)

    def __str__(self) -> str:
        return "\n\n".join([self.what, *map(str, self.errors)])

    @staticmethod
    def raise_from(errors: Sequence[TableError]) -> None:
        """Raise the errors, a single one as it is; do nothing where there is none.

        Parameters
        ----------
        errors : sequence of TableError

        Raises
        ------
        TableError
        """
        if errors:
            raise errors[0] if len(errors) == 1 else TableErrors(errors)


class SplitError(CounterpoiseError):
    """The table cannot be split by its scheme."""


class ResultError(CounterpoiseError):
    """A result of an earlier stage is missing or does not fit."""


class StorageError(CounterpoiseError):
    """A result cannot be written, or a store cannot be reached."""


class DeviceError(CounterpoiseError):
    """The device that a model asks for is missing."""


class ClusterError(CounterpoiseError):
    """The named cluster cannot be reached, or cannot do the work."""


class LibraryError(CounterpoiseError):
    """A required library is not installed."""

    @classmethod
    def of(cls, error: ModuleNotFoundError) -> LibraryError:
        """Make the message for a failed import.

        Parameters
        ----------
        error : ModuleNotFoundError

        Returns
        -------
        LibraryError
        """
        return cls(
            f"The library {(error.name or 'that is required').partition('.')[0]} is not installed.",
            expected="an environment with all of requirements.lock",
            found=str(error),
            todo="`pip install -r requirements.lock` in the environment that runs this.",
        )


class NotApplicable(Exception):
    """A remedy cannot run on these rows.

    The text is the reason, in the library's words where it gives one. It is no mistake of the user:
    the leaderboard shows the reason as a result.
    """


def no_space(error: OSError, where: str) -> StorageError | None:
    """Make the message for a full disk or an exhausted quota.

    Parameters
    ----------
    error : OSError
    where : str
        The file that was written.

    Returns
    -------
    StorageError or None
        None for any other error.
    """
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
    """Turn errors that the user can correct into a message on standard error and an exit status.

    Parameters
    ----------
    main : callable of () to int or None
    bring_back : bool
        Whether the message says how to restore results of an earlier run, which DVC deletes before
        it runs a stage.

    Returns
    -------
    callable of () to int
        Returns the exit status of `main` (0 for None), 1 after an error and 130 after an interrupt.
        All other exceptions pass.
    """

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
    """Make the message for a name that does not exist, with the closest one that does.

    Parameters
    ----------
    what : str
        The mistake in one sentence, without its full stop.
    word : str
        The unknown name.
    known : iterable of str
        The names that exist.
    where, todo : str
        As in `CounterpoiseError`.
    expected : str
        Stands before the list of known names.

    Returns
    -------
    ConfigurationError
    """
    known = list(known)
    return ConfigurationError(
        f"{what}{did_you_mean(word, known)}.",
        where=where,
        expected=expected + ", ".join(known),
        found=repr(word),
        todo=todo,
    )


def did_you_mean(word: str, known: Any) -> str:
    """Suggest the known word that is closest.

    Parameters
    ----------
    word : str
    known : iterable

    Returns
    -------
    str
        The suggestion, to be appended to a sentence; empty where no word is close.

    Examples
    --------
    >>> did_you_mean("smotte", ["none", "smote"])
    " (did you mean 'smote'?)"
    """
    close = difflib.get_close_matches(word, [str(k) for k in known], n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""
