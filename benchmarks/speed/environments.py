"""Environments of their own for those who cannot live in ours: PyCaret needs an older scikit-learn,
for one.

Each is made once, from a list of exact versions, in a folder that git ignores; another list makes
another environment.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from counterpoise.core.errors import LibraryError

HERE = Path(__file__).parent
FOLDER = HERE / ".venvs"
PYTHON = "3.11"
"""What the lists were tried with; PyCaret 3.3 runs with nothing newer."""
LIMIT = 1800
"""Seconds for an installation."""


def python(name: str, folder: Path = FOLDER) -> Path:
    """The interpreter of an environment, made now if it is not there.

    Raises
    ------
    LibraryError
        When it cannot be made.
    """
    return made(name, HERE / f"requirements-{name}.txt", folder)


def made(name: str, requirements: Path, folder: Path) -> Path:
    """The interpreter of the environment that a list of versions describes."""
    place = folder / f"{name}-{hashlib.sha256(requirements.read_bytes()).hexdigest()[:12]}"
    interpreter = place / "bin" / "python"
    finished = place / "finished"
    if finished.is_file():
        return interpreter
    print(f"{name}: making an environment of its own in {place}, once", flush=True)
    shutil.rmtree(place, ignore_errors=True)
    place.parent.mkdir(parents=True, exist_ok=True)
    uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")
    # the lists are complete, and leave out what is asked for and never imported (TensorFlow, for
    # one)
    if uv is not None:
        _run(name, uv, "venv", "-q", "--python", PYTHON, str(place))
        _run(
            name,
            uv,
            "pip",
            "install",
            "-q",
            "--no-deps",
            "--compile-bytecode",
            "--python",
            str(interpreter),
            "-r",
            str(requirements),
        )
    else:
        _run(name, _interpreter(name), "-m", "venv", str(place))
        _run(
            name,
            str(interpreter),
            "-m",
            "pip",
            "install",
            "-q",
            "--no-deps",
            "-r",
            str(requirements),
        )
    finished.touch()
    return interpreter


def _interpreter(name: str) -> str:
    own = sys.executable if f"{sys.version_info.major}.{sys.version_info.minor}" == PYTHON else None
    found = own or shutil.which(f"python{PYTHON}")
    if found is None:
        raise _failure(
            name,
            f"neither uv nor a python{PYTHON}",
            "`pip install uv`, which brings that Python by itself.",
        )
    return found


def _run(name: str, *command: str) -> None:
    try:
        done = subprocess.run(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=LIMIT,
        )
    except subprocess.TimeoutExpired:
        raise _failure(
            name,
            f"{command[0]} had not ended after {LIMIT} s",
            "look at the network, and try again.",
        ) from None
    if done.returncode:
        todo = "see what it says; a package index has to be in reach."
        said = "\n            ".join(done.stdout.strip().splitlines()[-8:])
        raise _failure(name, f"{' '.join(command)}\n            {said}", todo)


def _failure(name: str, found: str, todo: str) -> LibraryError:
    return LibraryError(
        f"The environment of {name} cannot be made.",
        where=f"benchmarks/speed/requirements-{name}.txt",
        expected=f"Python {PYTHON} with the packages of that list",
        found=found,
        todo=todo,
    )
