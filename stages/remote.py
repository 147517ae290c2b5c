"""Look at every object that this workspace's results need: does the remote hold it, and are its bytes what its name says?

DVC goes by names: an object that is corrupted in the remote counts as there, is never pushed again, and is pulled as if it
were right, unless `dvc remote modify NAME verify true` was said. This reads the bytes, in the remote and in the cache of
this clone, and names what is wrong. With `--repair` a sound copy takes the place of the other: what is corrupted or missing
in the remote is pushed from this clone, what is corrupted here is fetched again. Exit status: 0 all is sound, 1 it is not.
"""

from __future__ import annotations

import argparse
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from stages.errors import guarded
from stages.sharing.objects import Seen, Shared


def wrong_with(one: Seen) -> str:
    """What is wrong with an object: where, and whose result it is."""
    states = []
    if not one.in_remote:
        states.append("missing in the remote" if one.remote is None else "corrupted in the remote")
    if not one.in_cache and one.cache is not None:
        states.append("corrupted in the cache")
    path, here = one.needed.path, Path.cwd()
    shown = path.relative_to(here) if path.is_relative_to(here) else path
    return f"{one.needed.name} {' and '.join(states)}: {shown} of {one.needed.stage}"


def advice(wrong: Collection[Seen]) -> Iterator[str]:
    """What to do, for those who have a sound copy and for those who do not."""
    if any(one.in_remote or one.in_cache for one in wrong):
        yield "`python -m stages.remote --repair` puts the sound copy in the place of the other"
    if nowhere := sorted({one.needed.stage for one in wrong if not (one.in_remote or one.in_cache)}):
        yield (
            f"no sound copy is here of {', '.join(nowhere)}: a colleague who has one says `--repair`; or it is made again "
            "here: `--repair`, then `dvc repro` (for a .dvc file `dvc add` of the original), then `--repair`"
        )


def repaired(shared: Shared, found: list[Seen]) -> list[Seen]:
    """What is there after a sound copy has taken the place of every other.

    A folder's list that could not be read may name further objects once it is sound, so all are looked at again then.
    """
    lists = any(one.needed.lists_files and not one.sound for one in found)
    found = [one if one.sound else shared.repair(one) for one in found]
    return [one if one.sound else shared.repair(one) for one in shared.seen(bar)] if lists else found


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m stages.remote", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("-r", "--remote", metavar="NAME", help="which remote; the default one without")
    parser.add_argument("--repair", action="store_true", help="put the sound copy in the place of the other")
    arguments = parser.parse_args()
    shared = Shared(arguments.remote)
    found = shared.seen(bar)
    before = [one for one in found if not one.sound]
    if arguments.repair and before:
        found = repaired(shared, found)
    wrong = {one.needed.name: one for one in found if not one.sound}
    for one in before:
        if one.needed.name not in wrong:
            print(f"repaired: {wrong_with(one)}")
    for one in wrong.values():
        print(wrong_with(one))
    print(f"{len(found)} objects at {shared.address}: {len(wrong) or 'none'} not sound")
    for line in advice(wrong.values()):
        print(line)
    if found and all(one.remote is None for one in found):
        print("nothing of this lies there: is the address right, is the folder mounted, has anybody pushed?")
    if not shared.verified:
        print(f"DVC takes what it pulls from there unseen; `dvc remote modify {shared.name} verify true` makes it look")
    return 1 if wrong else 0


def bar(objects: Iterable[Seen], count: int) -> Iterable[Seen]:
    """Show how far it has come."""
    from tqdm import tqdm

    return tqdm(objects, total=count, desc="reading", unit="object", disable=None)


if __name__ == "__main__":
    raise SystemExit(guarded(main, bring_back=False)())
