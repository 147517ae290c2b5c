"""`python -m counterpoise COMMAND`, and the console script `counterpoise`."""

from __future__ import annotations

import importlib
import os
import sys

from counterpoise.core.errors import guarded

COMMANDS = {
    "add": "add a table of your own to params.yaml",
    "check": "find every mistake in params.yaml without touching a result",
    "same": "compare two folders of reports, measured values apart",
    "show": "print a dataset's answer again and open its page",
    "promote": "make a dataset's best combination its champion",
    "score": "score new rows with a champion",
}

USAGE = "usage: counterpoise COMMAND ...\n\n" + "\n".join(
    f"  {name:8} {text}" for name, text in COMMANDS.items()
)
MORE = "\n\n`counterpoise COMMAND --help` says more. The comparison itself is run by `dvc repro`."


def main() -> int:
    """Run the command that the first argument names, into a pipe that may be closed as well.

    Returns
    -------
    int
        The exit status: the command's own, 2 for an unknown command, and 1 where the reader of
        standard output stops, as `| head` does.
    """
    try:
        try:
            return run()
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        # Python flushes standard output once more at its exit (library reference, signal, "Note on
        # SIGPIPE")
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def run() -> int:
    """Run the command that the first argument names.

    Returns
    -------
    int
        The exit status: the command's own, 2 for an unknown command.
    """
    name, *arguments = sys.argv[1:] or ["--help"]
    if name in ("-h", "--help"):
        print(USAGE + MORE)
        return 0
    if name not in COMMANDS:
        print(f"error: There is no command {name!r}.\n\n{USAGE}{MORE}", file=sys.stderr)
        return 2
    sys.argv = [f"counterpoise {name}", *arguments]
    # by name, so that no command waits for the imports of another one
    command = importlib.import_module(f"counterpoise.commands.{name}")
    return guarded(command.main, bring_back=False)()


if __name__ == "__main__":
    raise SystemExit(main())
