"""Stage check: stop before anything is overwritten where params.yaml has a mistake; list the
sources of each stage.

A stage depends on its own list of sources, each with the digest of its syntax tree, so that a
changed source reruns the stages that run it, and changed prose none.
"""

from __future__ import annotations

import argparse

from counterpoise.commands import check
from counterpoise.core import config, environment, files, paths
from counterpoise.core.errors import CounterpoiseError
from counterpoise.engine import fingerprint

STAGES = ("fetch", "split", "audit", "resample", "train", "evaluate", "report", "compare")
CHECKED = paths.STORE / "checked"
"""The state of params.yaml, packages and sources in which the last check found no error."""


def state() -> str:
    """One hash of what the result of a check depends on, tables apart."""
    code = fingerprint.code_digest("counterpoise.commands.check")
    return files.digest(paths.PARAMS.read_bytes(), environment.requirements(), code)


def main() -> int:
    argparse.ArgumentParser(prog="python -m stages.check", description=__doc__).parse_args()
    try:
        params = config.load()
        # changed prose runs this stage, too, and the libraries that a check asks take seconds to
        # import
        known = CHECKED.is_file() and CHECKED.read_text() == state()
        if not (known or check.passes(params)):
            return 1
    except CounterpoiseError as error:
        return check.refuse(error)
    for stage in STAGES:
        files.write_json(paths.code(stage), fingerprint.sources(f"stages.{stage}"))
    files.write_text(CHECKED, state())
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
