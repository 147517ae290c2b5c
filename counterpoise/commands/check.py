"""Find every mistake in params.yaml without touching a result.

DVC deletes a stage's outputs before it runs the stage. A mistake that only the stage finds
therefore costs a `dvc checkout`. This command looks first: at the structure of params.yaml, at
every sampler and model with its parameters, and at every table that is on this machine, including
its split. It downloads nothing.

The stage `check` runs the same checks at the start of `dvc repro`.
"""

from __future__ import annotations

import argparse
import sys

from counterpoise.core import config, paths
from counterpoise.core.config import AUTO, NONE, Params
from counterpoise.core.errors import CounterpoiseError


def passes(params: Params) -> bool:
    """Print every mistake in the parameters to standard error, or a summary to standard output.

    Parameters
    ----------
    params : Params
        Parameters of the right structure.

    Returns
    -------
    bool
        Whether there is no mistake. A missing baseline or device is a warning, not a mistake.
    """
    from counterpoise.commands import validation
    from counterpoise.engine import devices

    mistakes = list(validation.problems(params))
    for mistake in mistakes:
        print(f"\nerror: {mistake}", file=sys.stderr)
    if mistakes:
        errors = "1 error" if len(mistakes) == 1 else f"{len(mistakes)} errors"
        print(f"\n{errors} found; no results were changed.", file=sys.stderr)
        return False
    if NONE not in params.strategies:
        print(
            f"warning: there is no strategy {NONE!r}, so there is no baseline to compare the others"
            " with"
        )
    for lacking in validation.missing_devices(params):
        print(f"\nwarning: {lacking}\nOn this machine, its fits fail.\n", file=sys.stderr)
    if any(model.device == AUTO for model in params.models.values()):
        print(f"device: {AUTO} is {devices.resolved(AUTO)} on this machine")
    print(
        f"{paths.PARAMS}: OK, {len(params.datasets)} datasets x {len(params.cells)} combinations of"
        f" {len(params.strategies)} strategies and {len(params.models)} models"
    )
    return True


def refuse(error: CounterpoiseError) -> int:
    """Print the mistake for which params.yaml cannot be read as a whole.

    Parameters
    ----------
    error : CounterpoiseError

    Returns
    -------
    int
        The exit status, 1.
    """
    print(f"\nerror: {error}\n\nNo results were changed.", file=sys.stderr)
    return 1


def main() -> int:
    """Check params.yaml.

    Returns
    -------
    int
        The exit status: 0, or 1 where there is a mistake.
    """
    parser = argparse.ArgumentParser(
        prog="python -m counterpoise check",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.parse_args()
    try:
        return 0 if passes(config.load()) else 1
    except CounterpoiseError as error:
        return refuse(error)
