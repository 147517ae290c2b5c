"""Stage check: stop before anything is overwritten where params.yaml has a mistake.

It also lists the source files of each stage, each with the digest of its syntax tree. A stage
depends on its own list. A changed source therefore reruns the stages that run it, and changed
docstrings and comments rerun none.
"""

from __future__ import annotations

import argparse

from counterpoise.commands import check
from counterpoise.core import environment, files, paths
from counterpoise.engine import fingerprint

STAGES = ("fetch", "split", "audit", "resample", "train", "evaluate", "advise", "report", "compare")
CHECKED = paths.STORE / "checked"
"""The state of params.yaml, packages and sources in which the last check found no mistake."""


def state() -> str:
    """Hash what the result of a check depends on, apart from tables.

    Returns
    -------
    str
        SHA-256, 64 hexadecimal digits.
    """
    code = fingerprint.code_digest("counterpoise.commands.check")
    return files.digest(paths.PARAMS.read_bytes(), environment.requirements(), code)


def main() -> int:
    """Check params.yaml and write the list of sources of each stage.

    Returns
    -------
    int
        The exit status: 0, or 1 where there is a mistake.
    """
    argparse.ArgumentParser(prog="python -m stages.check", description=__doc__).parse_args()
    # A changed comment runs this stage too, and the libraries that a check needs take seconds to
    # import: a state that was checked before is not checked again.
    known = CHECKED.is_file() and paths.PARAMS.is_file() and CHECKED.read_text() == state()
    if not (known or check.passes()):
        return 1
    for stage in STAGES:
        files.write_json(paths.code(stage), fingerprint.sources(f"stages.{stage}"))
    files.write_text(CHECKED, state())
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
