"""Real servers of a team on this machine: PostgreSQL, and a tracking server over it as
deploy/server.sh starts it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import requests

from counterpoise.core.paths import REPOSITORY
from tests.helpers.servers import free_port

ADMIN_PASSWORD = "an-administrator-of-the-tests"
DATABASE_PASSWORD = "a database of the tests"
SCRIPT = REPOSITORY / "deploy" / "server.sh"
LOOPBACK = "127.0.0.1"


def program(name: str) -> str:
    """A program of PostgreSQL, which Debian keeps apart from the PATH."""
    found = shutil.which(name) or next(
        map(str, sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))), None
    )
    assert found is not None, f"this test needs PostgreSQL's {name}: apt-get install postgresql"
    return found


@dataclass(frozen=True)
class Postgres:
    """A cluster that listens on loopback alone and asks for passwords."""

    folder: Path
    port: int

    @property
    def passwords(self) -> Path:
        """The file from which PostgreSQL's clients take them."""
        return self.folder / "pgpass"

    def address(self, database: str) -> str:
        return f"postgresql://mlflow@{LOOPBACK}:{self.port}/{database}"

    def create(self, database: str) -> str:
        """A new database, owned by the user of the tracking server."""
        self.sql("postgres", f'CREATE DATABASE "{database}" OWNER mlflow', user="postgres")
        return self.address(database)

    def sql(self, database: str, statement: str, user: str = "mlflow") -> list[str]:
        address = self.address(database).replace("mlflow@", f"{user}@")
        done = subprocess.run(
            [
                program("psql"),
                "-X",
                "-w",
                "-qtA",
                "-v",
                "ON_ERROR_STOP=1",
                "-d",
                address,
                "-c",
                statement,
            ],
            env={**os.environ, "PGPASSFILE": str(self.passwords)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()


@contextmanager
def postgres() -> Iterator[Postgres]:
    """Start a cluster in a folder of its own; PostgreSQL refuses to run as root, and then runs as
    the user postgres."""
    # not below pytest's, which are for their owner alone
    folder = Path(tempfile.mkdtemp(prefix="postgres-"))
    server = Postgres(folder, free_port())
    data, first = folder / "data", folder / "password"
    data.mkdir()
    first.write_text(DATABASE_PASSWORD)
    server.passwords.write_text(f"{LOOPBACK}:{server.port}:*:*:{DATABASE_PASSWORD}\n")
    server.passwords.chmod(0o600)
    as_user: list[str] = []
    if os.geteuid() == 0:
        as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", "--"]
        folder.chmod(0o755)
        for path in (data, first):
            shutil.chown(path, "postgres", "postgres")

    def call(*command: str) -> None:
        done = subprocess.run(
            [*as_user, *command],
            cwd=data,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            env={**os.environ, "LC_ALL": "C.UTF-8"},
        )
        assert done.returncode == 0, done.stdout

    call(
        program("initdb"),
        "-D",
        str(data),
        "-U",
        "postgres",
        "-A",
        "scram-sha-256",
        f"--pwfile={first}",
        "-E",
        "UTF8",
        "-N",
    )
    options = (
        f"-c listen_addresses={LOOPBACK} -c port={server.port} -c unix_socket_directories='' -c"
        " fsync=off"
    )
    control = [program("pg_ctl"), "-D", str(data), "-w", "-t", "60"]
    call(*control, "-o", options, "-l", str(data / "log"), "start")
    try:
        server.sql(
            "postgres", f"CREATE ROLE mlflow LOGIN PASSWORD '{DATABASE_PASSWORD}'", user="postgres"
        )
        yield server
    finally:
        call(*control, "-m", "immediate", "stop")
        shutil.rmtree(folder)


@dataclass
class TrackingServer:
    """A server over a database, driven by deploy/server.sh as the README's reader would."""

    folder: Path
    database: str
    passwords: Path
    port: int = field(default_factory=free_port)
    settings: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)

    @property
    def address(self) -> str:
        return f"{'https' if self.settings.get('TLS_CERTIFICATE') else 'http'}://{LOOPBACK}:{self.port}"

    @property
    def artifacts(self) -> Path:
        return self.folder / "artifacts"

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()

    def written(self) -> Path:
        """The settings as a file: the example, and what is other here."""
        chosen = {
            "BACKEND_STORE": self.database,
            "PGPASSFILE": str(self.passwords),
            "ARTIFACTS": str(self.artifacts),
            "PORT": str(self.port),
            "WORKERS": "2",
            "ADMIN_PASSWORD": ADMIN_PASSWORD,
            "SECRET_KEY": "of the tests",
            "ALLOWED_HOSTS": f"{LOOPBACK}:{self.port}",
            **self.settings,
        }
        path = self.folder / "server.env"
        own = "".join(f"{name}='{value}'\n" for name, value in chosen.items())
        path.write_text((SCRIPT.parent / "server.env.example").read_text() + own)
        path.chmod(0o600)
        return path

    @property
    def environment(self) -> dict[str, str]:
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("MLFLOW", "PG"))
        }
        folders = os.pathsep.join(
            dict.fromkeys(str(Path(program(name)).parent) for name in ("psql", "pg_dump"))
        )
        return {
            **kept,
            "PATH": f"{kept['PATH']}{os.pathsep}{folders}",
            "COUNTERPOISE_SERVER_ENV": str(self.written()),
        }

    def call(self, *arguments: str, said: str = "") -> subprocess.CompletedProcess[str]:
        """`deploy/server.sh` with these arguments, to its end."""
        return subprocess.run(
            [str(SCRIPT), *arguments],
            env=self.environment,
            input=said,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=180,
        )

    def start(self) -> None:
        with (self.folder / "log").open("wb") as said:
            self.process = subprocess.Popen(
                [str(SCRIPT), "start"],
                env=self.environment,
                stdout=said,
                stderr=said,
                start_new_session=True,
            )
        deadline = time.monotonic() + 180
        while not self.answers():
            assert self.process.poll() is None and time.monotonic() < deadline, self.log
            time.sleep(0.3)

    def answers(self) -> bool:
        try:
            trusted = self.settings.get("TLS_CERTIFICATE") or True
            return (
                requests.get(f"{self.address}/health", timeout=5, verify=trusted).status_code == 200
            )
        except requests.RequestException:
            return False

    def stop(self) -> None:
        """As an init system does it: the script is told, and takes the server with it."""
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(timeout=30)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process = None

    def user(self, name: str, password: str) -> str:
        """Add a user; the address under which they reach the server."""
        done = self.call("user", name, said=password + "\n")
        assert done.returncode == 0, done.stdout
        return self.address.replace("://", f"://{name}:{password}@")
