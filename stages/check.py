"""Find every mistake in params.yaml without touching a result.

DVC deletes a stage's outs before it runs the stage, so a mistake that only the stage finds costs a `dvc checkout`. This
looks first: at the shape of params.yaml, at every sampler and model with its parameters, and at every table that is on
this machine, down to the split. It downloads nothing.

As the first stage of `dvc repro` it also writes, for each other stage, the digest of every source file that the stage
runs. A stage depends on its own list, so that a changed source reruns the stages that run it, and changed prose none.
"""

from __future__ import annotations

import argparse
import sys

from stages import config, files, fingerprint, paths
from stages.config import AUTO, NONE, Params
from stages.errors import CounterpoiseError

STAGES = ("fetch", "split", "audit", "resample", "train", "evaluate", "report", "compare")
CHECKED = paths.STORE / "checked"
"""The state of params.yaml, packages and sources in which the last check found no error."""


def passes(params: Params) -> bool:
    """Report every mistake on standard error; returns whether there is none."""
    from stages import validation
    from stages.remedies import devices

    found = list(validation.problems(params))
    for mistake in found:
        print(f"\nerror: {mistake}", file=sys.stderr)
    if found:
        errors = "1 error" if len(found) == 1 else f"{len(found)} errors"
        print(f"\n{errors} found; no results were changed.", file=sys.stderr)
        return False
    if NONE not in params.strategies:
        print(f"warning: there is no strategy {NONE!r}, so there is no baseline to compare the others with")
    for lacking in validation.missing_devices(params):
        print(f"\nwarning: {lacking}\nFitted on this machine, its cells fail.\n", file=sys.stderr)
    if any(model.device == AUTO for model in params.models.values()):
        print(f"device: {AUTO} is {devices.resolved(AUTO)} on this machine")
    print(
        f"{paths.PARAMS}: OK, {len(params.datasets)} datasets x {len(params.cells)} combinations of "
        f"{len(params.strategies)} strategies and {len(params.models)} models"
    )
    return True


def state() -> str:
    """One hash of what the result of a check depends on, tables apart."""
    lock = paths.REPOSITORY / "requirements.lock"
    return files.digest(paths.PARAMS.read_bytes(), lock.read_bytes(), fingerprint.code_digest("stages.check"))


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m stages.check", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--stage", action="store_true", help="as `dvc repro` runs it: also write data/code/")
    as_stage = parser.parse_args().stage
    try:
        params = config.load()
        # changed prose runs this stage, too, and the libraries that a check asks take seconds to import
        known = as_stage and CHECKED.is_file() and CHECKED.read_text() == state()
        if not (known or passes(params)):
            return 1
    except CounterpoiseError as error:
        print(f"\nerror: {error}\n\nNo results were changed.", file=sys.stderr)
        return 1
    if as_stage:
        for stage in STAGES:
            files.write_json(paths.code(stage), fingerprint.sources(f"stages.{stage}"))
        files.write_text(CHECKED, state())
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
