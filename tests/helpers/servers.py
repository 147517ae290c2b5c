"""Real servers on loopback that tests talk to: sshd with SFTP, and OpenStack Swift, which speaks
S3.

Each keeps all it has in a folder of the test and is stopped whatever happens. They come from
Debian: `openssh-server` and `python3-swift`. A test whose server is not installed fails, and says
which package it wants.
"""

from __future__ import annotations

import getpass
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_hex

import pytest

SECONDS = 60
"""How long a server may take to answer."""
DEBIANS_PYTHON = "/usr/bin/python3"
"""What Debian's Swift is installed for; the tests' own Python does not see it."""


def free_port() -> int:
    """A port of loopback that nobody listens at."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def program(name: str, package: str) -> str:
    """The path of a server's program; the test fails where it is not installed."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    return found or pytest.fail(f"this test starts a real {name}: `apt-get install {package}`")


@contextmanager
def serving(
    command: list[str], port: int, log: Path, environment: Mapping[str, str] | None = None
) -> Iterator[None]:
    """A server that answers at the port, from when the block begins to when it ends, or this
    process is killed."""
    bound = ["setpriv", "--pdeathsig", "TERM"] if shutil.which("setpriv") else []
    with log.open("wb") as written:
        process = subprocess.Popen(
            [*bound, *command],
            stdin=subprocess.DEVNULL,
            stdout=written,
            stderr=written,
            env=environment,
            start_new_session=True,
        )
    try:
        end = time.monotonic() + SECONDS
        while True:
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5):
                break
            if process.poll() is not None or time.monotonic() > end:
                pytest.fail(f"{command[0]} does not answer at port {port}:\n{log.read_text()}")
            time.sleep(0.05)
        yield
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


# ----------------------------------------------------------------- SSH


@dataclass(frozen=True)
class Sshd:
    """An SSH server that lets whoever has `key` read and write files over SFTP."""

    port: int
    user: str
    key: Path
    known_hosts: Path
    log: Path

    def url(self, folder: Path) -> str:
        return f"ssh://{self.user}@127.0.0.1:{self.port}{folder}"


@contextmanager
def sshd(folder: Path) -> Iterator[Sshd]:
    """Start sshd with a host key and a user's key of its own."""
    path = program("sshd", "openssh-server")  # sshd wants to be called by its whole path
    folder.mkdir(parents=True, exist_ok=True)
    Path("/run/sshd").mkdir(exist_ok=True)
    for name in ("host", "user"):
        new_key(folder / name)
    server = Sshd(
        free_port(), getpass.getuser(), folder / "user", folder / "known_hosts", folder / "sshd.log"
    )
    server.known_hosts.write_text(f"[127.0.0.1]:{server.port} {(folder / 'host.pub').read_text()}")
    (folder / "config").write_text(
        f"Port {server.port}\n"
        "ListenAddress 127.0.0.1\n"
        f"HostKey {folder / 'host'}\n"
        f"AuthorizedKeysFile {folder / 'user.pub'}\n"
        "PidFile none\n"
        "UsePAM no\n"
        "PasswordAuthentication no\n"
        "PermitRootLogin prohibit-password\n"
        "StrictModes no\n"  # the folders above a test's are anybody's
        "Subsystem sftp internal-sftp\n"
    )
    with serving([path, "-D", "-e", "-f", str(folder / "config")], server.port, server.log):
        yield server


def new_key(path: Path) -> Path:
    """A pair of keys without a passphrase: `path`, and `path`.pub."""
    keygen = program("ssh-keygen", "openssh-client")
    subprocess.run([keygen, "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)
    return path


# ----------------------------------------------------------------- S3


@dataclass(frozen=True)
class ObjectStore:
    """A server that speaks S3, with an empty bucket."""

    address: str
    bucket: str = "counterpoise"
    access_key: str = field(default_factory=lambda: f"team:{token_hex(8)}")
    secret: str = field(default_factory=lambda: token_hex(16))

    @property
    def variables(self) -> dict[str, str]:
        """The credentials, as the environment gives them to any client of S3."""
        return {
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret,
            "AWS_DEFAULT_REGION": "us-east-1",
            "NO_PROXY": "127.0.0.1",
            "no_proxy": "127.0.0.1",
        }

    def url(self, folder: str) -> str:
        return f"s3://{self.bucket}/{folder}"


SERVERS = ("account", "container", "object", "proxy")
FILTERS = (
    "catch_errors",
    "gatekeeper",
    "healthcheck",
    "cache",
    "listing_formats",
    "bulk",
    "s3api",
    "tempauth",
    "slo",
    "dlo",
)

RINGS = """
import sys
from swift.common.ring import RingBuilder

folder, *ports = sys.argv[1:]
for name, port in zip(("account", "container", "object"), map(int, ports)):
    builder = RingBuilder(4, 1, 0)  # 16 partitions, one replica
    builder.add_dev(dict(id=0, region=1, zone=1, ip="127.0.0.1", port=port,
                         device="disk", weight=1.0, meta=""))
    builder.rebalance(seed="1")
    builder.get_ring().save(f"{folder}/{name}.ring.gz")
"""

SERVE = """
import sys
import swift.common.utils
from swift.common.wsgi import run_wsgi

folder, name = sys.argv[1:]
swift.common.utils.set_swift_dir(folder)
sys.exit(run_wsgi(f"{folder}/{name}.conf", f"{name}-server"))
"""

HEADS = '''
"""An answer to HEAD has no body, not even the empty chunk that Debian's eventlet sends."""

def filter_factory(conf, **local):
    def around(app):
        def answer(environ, start):
            def started(status, headers, *rest):
                known = [name.lower() for name, _ in headers]
                if environ["REQUEST_METHOD"] == "HEAD" and "content-length" not in known:
                    headers = [*headers, ("Content-Length", "0")]
                return start(status, headers, *rest)
            return app(environ, started)
        return answer
    return around
'''


@contextmanager
def object_store(folder: Path) -> Iterator[ObjectStore]:
    """Start a Swift of one node and one replica, with its S3 interface in front, and make a
    bucket."""
    if subprocess.run(
        [DEBIANS_PYTHON, "-c", "import swift"], capture_output=True, check=False
    ).returncode:
        pytest.fail("this test starts a real OpenStack Swift: `apt-get install python3-swift`")
    (folder / "devices" / "disk").mkdir(parents=True)
    ports = {name: free_port() for name in SERVERS}
    store = ObjectStore(f"http://127.0.0.1:{ports['proxy']}")
    account, user = store.access_key.split(":")
    (folder / "heads.py").write_text(HEADS)
    (folder / "swift.conf").write_text(
        "[swift-hash]\nswift_hash_path_suffix = tests\n[storage-policy:0]\nname = one\ndefault ="
        " yes\n"
    )
    for name, port in ports.items():
        text = (
            f"[DEFAULT]\nswift_dir = {folder}\ndevices = {folder / 'devices'}\nmount_check ="
            f" false\nbind_ip = 127.0.0.1\nbind_port = {port}\nworkers = 0\nuser ="
            f" {getpass.getuser()}\nlog_name = {name}\nlog_address ="
            f" {folder / 'no-syslog'}\n[app:{name}-server]\nuse ="
            f" egg:swift#{name}\nrecon_cache_path = {folder}\n"
        )
        if name == "proxy":
            text += (
                "account_autocreate = true\n[filter:heads]\npaste.filter_factory ="
                " heads:filter_factory\n"
            )
            own = {
                "cache": "memcache_servers = 127.0.0.1:9\n",  # there is none, and none is needed
                "tempauth": f"user_{account}_{user} = {store.secret} .admin\n",
                "s3api": "location = us-east-1\n",
            }
            for one in FILTERS:
                text += (
                    f"[filter:{one}]\nuse ="
                    f" egg:swift#{'memcache' if one == 'cache' else one}\n{own.get(one, '')}"
                )
        pipeline = (
            " ".join(["heads", *FILTERS, f"{name}-server"]) if name == "proxy" else f"{name}-server"
        )
        (folder / f"{name}.conf").write_text(f"{text}[pipeline:main]\npipeline = {pipeline}\n")
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("PYTHON")
    }
    environment["PYTHONPATH"] = str(folder)
    subprocess.run(
        [DEBIANS_PYTHON, "-c", RINGS, str(folder), *(str(ports[name]) for name in SERVERS[:3])],
        env=environment,
        check=True,
    )
    with ExitStack() as running:
        for name, port in ports.items():
            command = [DEBIANS_PYTHON, "-c", SERVE, str(folder), name]
            running.enter_context(serving(command, port, folder / f"{name}.log", environment))
        _make_bucket(store)
        yield store


def _make_bucket(store: ObjectStore) -> None:
    """In a process of its own: the client of S3 warns of what is not ours."""
    script = (
        "import botocore.session, sys;botocore.session.get_session().create_client('s3',"
        " endpoint_url=sys.argv[1]).create_bucket(Bucket=sys.argv[2])"
    )
    subprocess.run(
        [sys.executable, "-c", script, store.address, store.bucket],
        env={**os.environ, **store.variables},
        check=True,
    )


# ----------------------------------------------------------------- a line that breaks


@dataclass
class Line:
    """A way to a port that lets so many bytes through and then breaks, as a network does."""

    port: int
    sent: int = 0
    broken: threading.Event = field(default_factory=threading.Event)


@contextmanager
def line_that_breaks(to: int, after: int) -> Iterator[Line]:
    """Listen at a port of its own and pass on what comes, until `after` bytes went to the
    server."""
    listener = socket.create_server(("127.0.0.1", 0))
    line = Line(int(listener.getsockname()[1]))
    ends: list[socket.socket] = []
    threads: list[threading.Thread] = []

    def pass_on(source: socket.socket, target: socket.socket, counted: bool) -> None:
        with suppress(OSError):
            while content := source.recv(16384):
                line.sent += len(content) if counted else 0
                if line.sent > after:
                    line.broken.set()
                    hang_up()
                    return
                target.sendall(content)
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def hang_up() -> None:
        for end in ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def accept() -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                if line.broken.is_set():
                    client.close()
                    continue
                server = socket.create_connection(("127.0.0.1", to))
                ends.extend((client, server))
                for pair in ((client, server, True), (server, client, False)):
                    threads.append(threading.Thread(target=pass_on, args=pair, daemon=True))
                    threads[-1].start()

    threads.append(threading.Thread(target=accept, daemon=True))
    threads[0].start()
    try:
        yield line
    finally:
        line.broken.set()
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        hang_up()
        for thread in threads:
            thread.join(timeout=10)
        for end in ends:
            end.close()
