"""Which remedy for class imbalance works on your data, by how much, how sure that is, and what it
costs."""

import sys

INTERRUPTED = "\nInterrupted. What was finished is kept; run the same command to go on."

# `python -m stages.x` or `python -m counterpoise` is at its imports, which take a second
if sys.argv[:1] == ["-m"]:

    def _one_line(kind, error, traceback, show=sys.excepthook):  # type: ignore[no-untyped-def]
        if issubclass(kind, KeyboardInterrupt):
            print(INTERRUPTED, file=sys.stderr)
        else:
            show(kind, error, traceback)

    sys.excepthook = _one_line
