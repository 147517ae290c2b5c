"""The stages of the pipeline, the commands beside them, and all that they stand on."""

import sys

INTERRUPTED = "\nInterrupted. What was finished is kept; run the same command to go on."

if sys.argv[:1] == ["-m"]:  # `python -m stages.x` is at its imports, which take a second

    def _one_line(kind, error, traceback, show=sys.excepthook):  # type: ignore[no-untyped-def]
        if issubclass(kind, KeyboardInterrupt):
            print(INTERRUPTED, file=sys.stderr)
        else:
            show(kind, error, traceback)

    sys.excepthook = _one_line
