"""Stage advise: fit the advised combination on all rows, and measure its columns' importance."""

from __future__ import annotations

from counterpoise.champion import advising
from counterpoise.core.errors import guarded
from counterpoise.engine.cell_store import open_store
from counterpoise.engine.stage_inputs import stage
from counterpoise.tracking import manifest


def main() -> None:
    """Write the fitted model of one dataset and the importance of its columns."""
    with stage("advise", __doc__) as (_, name), open_store() as store:
        made = manifest.read(name)
        done = advising.write(name, made.params, made.keys, made.data_md5, store)
        print(f"{name}: {done}")


if __name__ == "__main__":
    raise SystemExit(guarded(main)())
