"""The store that a team shares, in a folder and on real servers: nobody computes what a colleague
has computed."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from fsspec.implementations.local import LocalFileSystem

from counterpoise.core.errors import ConfigurationError
from counterpoise.core.paths import REPOSITORY
from counterpoise.engine import shared_store
from counterpoise.engine.cell_store import CellStore, open_store, pack
from counterpoise.engine.shared_store import SharedStore
from tests.engine.test_cell_store import FOREIGN, KEY, SMALL, assert_same, content, key, objects
from tests.helpers.servers import (
    ObjectStore,
    Sshd,
    free_port,
    line_that_breaks,
    new_key,
    object_store,
    sshd,
)

pytestmark = [
    # clients of S3 and SSH close their connections when the process ends
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:(aiobotocore|botocore|s3fs|asyncssh).*"),
]


@pytest.fixture(scope="module")
def ssh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    with sshd(tmp_path_factory.mktemp("sshd")) as running:
        yield running


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStore]:
    with object_store(tmp_path_factory.mktemp("s3")) as running:
        yield running


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The .ssh folder of an empty home."""
    folder = tmp_path / "home" / ".ssh"
    folder.mkdir(parents=True)
    monkeypatch.setenv("HOME", str(folder.parent))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    return folder


@pytest.fixture
def ssh_home(home: Path, ssh: Sshd) -> Path:
    """A home whose SSH knows the server and has its key."""
    (home / "config").write_text(f"Host 127.0.0.1\n  IdentityFile {ssh.key}\n")
    (home / "known_hosts").write_text(ssh.known_hosts.read_text())
    return home


@dataclass
class Place:
    """A place that a team shares, and a way to look into it."""

    address: str

    @property
    def store(self) -> SharedStore:
        return SharedStore(self.address)

    def write(self, name: str, data: bytes) -> None:
        from fsspec.core import url_to_fs

        options = shared_store.options(self.address.partition("://")[0])
        filesystem, root = url_to_fs(self.address, skip_instance_cache=True, **options)
        filesystem.makedirs(f"{root}/{name}".rpartition("/")[0], exist_ok=True)
        filesystem.pipe_file(f"{root}/{name}", data)


@pytest.fixture
def folder(tmp_path: Path) -> Place:
    (tmp_path / "shared").mkdir()
    return Place(str(tmp_path / "shared"))


@pytest.fixture(
    params=["folder", *(pytest.param(name, marks=pytest.mark.services) for name in ("ssh", "s3"))]
)
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    if request.param == "folder":
        return request.getfixturevalue("folder")  # type: ignore[no-any-return]
    if request.param == "ssh":
        request.getfixturevalue("ssh_home")
        (tmp_path / "remote").mkdir()
        return Place(request.getfixturevalue("ssh").url(tmp_path / "remote"))
    server: ObjectStore = request.getfixturevalue("s3")
    for name, text in server.variables.items():
        monkeypatch.setenv(name, text)
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.address)
    return Place(server.url(f"team/{tmp_path.name}"))


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time limits that a test can wait for."""
    for name in ("CONNECT", "LISTING", "OPERATION"):
        monkeypatch.setattr(shared_store, f"{name}_TIMEOUT_SECONDS", 1.0)


NUMBERS = range(12)


def filled(folder: Path, place: Place) -> None:
    """Keep some objects and upload them."""
    with CellStore(folder, place.store) as store:
        for number in NUMBERS:
            store.put(key(number), content(number))


# ----------------------------------------------------------------- shared


def test_a_colleague_has_what_was_computed(
    place: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keys = [key(number) for number in range(20)]
    filled(tmp_path / "a", place)
    with CellStore(tmp_path / "b", place.store) as store:
        assert store.contains(keys) == set(keys[: len(NUMBERS)])
        assert_same(store.get(keys[0]), content(0))
        assert store.get(keys[15]) is None
        store.fetch(keys)
    kept = {path.name: path.read_bytes() for path in objects(tmp_path / "a")}
    assert {path.name: path.read_bytes() for path in objects(tmp_path / "b")} == kept
    with CellStore(tmp_path / "b") as store:  # without the place
        for number in NUMBERS:
            assert_same(store.get(keys[number]), content(number))
    assert capsys.readouterr().err == ""


def test_two_people_who_compute_different_things_have_both(place: Place, tmp_path: Path) -> None:
    for person, numbers in (("a", range(3)), ("b", range(3, 6))):
        with CellStore(tmp_path / person, place.store) as store:
            for number in numbers:
                store.put(key(number), content(number))
    for person in ("a", "b"):
        with CellStore(tmp_path / person, place.store) as store:
            assert store.contains([key(n) for n in range(9)]) == {key(n) for n in range(6)}


def test_malformed_objects_are_refused_counted_and_replaced(
    place: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = pack(KEY, SMALL)
    bad = {
        key(1): whole[:-1],
        key(2): whole,
        key(3): b"<html>",
        key(4): b"",
        KEY: whole[:-9] + b"x" + whole[-8:],
    }
    for name, data in bad.items():
        place.write(f"{name[:2]}/{name}.cell", data)
    place.write(f"{key(5)[:2]}/{key(5)}.cell", pack(key(5), SMALL))
    with CellStore(tmp_path / "a", place.store) as store:
        store.fetch([*bad, key(5)])
        assert {path.stem for path in objects(tmp_path / "a")} == {key(5)}
        assert [store.get(name) for name in bad] == [None] * len(bad)
        assert store.contains(bad) == set()
        for name in bad:
            store.put(name, SMALL)
    text = capsys.readouterr().err
    assert text.count("warning:") == 2
    assert "5 objects" in text
    assert [name for name in bad if name in text]
    with CellStore(tmp_path / "b", place.store) as store:
        for name in bad:
            assert_same(store.get(name), SMALL)
    assert capsys.readouterr().err == ""


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("kind", FOREIGN)
def test_no_foreign_object_is_copied(
    kind: str, folder: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder.write(f"{KEY[:2]}/{KEY}.cell", FOREIGN[kind]())
    with CellStore(tmp_path / "a", folder.store) as store:
        assert store.get(KEY) is None
    assert KEY in capsys.readouterr().err
    assert not (tmp_path / "a").exists()


def test_an_object_that_is_too_large_is_not_fetched(
    place: Place,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(shared_store, "MAX_OBJECT_BYTES", 1000)
    place.write(f"{KEY[:2]}/{KEY}.cell", bytes(1001))
    with CellStore(tmp_path / "a", place.store) as store:
        assert store.contains([KEY]) == set()
        assert store.get(KEY) is None
    text = capsys.readouterr().err
    assert "1001 bytes" in text
    assert KEY in text


def test_other_files_in_the_place_are_left_alone(place: Place, tmp_path: Path) -> None:
    for name in ("README", "ab/notes.txt", f"cd/{KEY}.cell", f"ab/.{key(1)}.cell.x.part"):
        place.write(name, b"x")
    with CellStore(tmp_path / "a", place.store) as store:
        assert store.contains([KEY, key(1)]) == set()
        store.put(KEY, SMALL)
    assert place.store.keys() == {KEY}


def test_the_place_is_listed_once(folder: Place, tmp_path: Path) -> None:
    with CellStore(tmp_path / "a", folder.store) as store:
        assert store.contains([key(1)]) == set()
        filled(tmp_path / "b", folder)
        assert store.contains([key(1)]) == set()
        assert store.get(key(1)) is None
    with CellStore(tmp_path / "a", folder.store) as store:
        assert store.contains([key(1)]) == {key(1)}


def test_what_was_computed_without_the_place_is_uploaded_when_it_is_used_again(
    folder: Place, tmp_path: Path
) -> None:
    with CellStore(tmp_path / "a") as store:
        store.put(key(1), content(1))
    assert folder.store.keys() == set()
    with CellStore(tmp_path / "a", folder.store) as store:
        assert_same(store.get(key(1)), content(1))
    assert folder.store.keys() == {key(1)}


def test_an_object_that_vanishes_from_the_place_is_made_again(
    folder: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    filled(tmp_path / "a", folder)
    with CellStore(tmp_path / "b", folder.store) as store:
        assert store.contains([key(1), key(2)]) == {key(1), key(2)}
        next(Path(folder.address).glob(f"*/{key(1)}.cell")).unlink()
        assert store.get(key(1)) is None
        assert store.get(key(2)) is not None
    assert capsys.readouterr().err == ""


def test_thousands_of_objects_are_listed(folder: Place) -> None:
    for number in range(256):
        (Path(folder.address) / f"{number:02x}").mkdir()
    for number in range(20_000):
        name = f"{number % 256:02x}{number:062x}"
        (Path(folder.address) / name[:2] / f"{name}.cell").touch()
    assert len(folder.store.keys()) == 20_000


# ----------------------------------------------------------------- out of order


def used(store: CellStore) -> None:
    """What a stage does: look everything up, make what is missing."""
    with store:
        keys = [key(number) for number in NUMBERS]
        store.contains(keys)
        store.fetch(keys)
        for number in NUMBERS:
            if store.get(key(number)) is None:
                store.put(key(number), content(number))


def test_a_missing_folder_gives_one_warning_and_is_not_created(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    used(CellStore(tmp_path / "a", SharedStore(str(tmp_path / "not-mounted"))))
    text = capsys.readouterr().err
    assert text.count("warning:") == 1
    assert "not-mounted" in text
    assert not (tmp_path / "not-mounted").exists()
    assert len(objects(tmp_path / "a")) == len(NUMBERS)


@pytest.mark.parametrize("scheme", ["ssh", "s3"])
def test_an_address_that_does_not_answer_gives_one_warning(
    scheme: str,
    tmp_path: Path,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    port = free_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "somebody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hushhush")
    address = {"ssh": f"ssh://ada:hushhush@127.0.0.1:{port}/team", "s3": "s3://bucket/team"}[scheme]
    start = time.monotonic()
    used(CellStore(tmp_path / "a", SharedStore(address)))
    assert time.monotonic() - start < 15
    text = capsys.readouterr().err
    assert text.count("warning:") == 1
    assert ("127.0.0.1" if scheme == "ssh" else "s3://bucket/team") in text
    assert "hushhush" not in text
    assert len(objects(tmp_path / "a")) == len(NUMBERS)


@contextmanager
def silence() -> Iterator[int]:
    """A port where connections are accepted and nothing is ever answered."""
    accepted: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            with suppress(OSError):
                while True:
                    accepted.append(listener.accept()[0])

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield int(listener.getsockname()[1])
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
    thread.join()
    for connection in accepted:
        connection.close()


STAGE = """
import os, sys
from pathlib import Path
from counterpoise.engine import shared_store
from counterpoise.engine.cell_store import CellStore
from tests.engine.test_shared_store import used

for name in ("CONNECT", "LISTING", "OPERATION"):
    setattr(shared_store, f"{name}_TIMEOUT_SECONDS", 2.0)
used(CellStore(Path(sys.argv[1]), shared_store.SharedStore(sys.argv[2])))
"""


@pytest.mark.parametrize("scheme", ["ssh", "s3"])
def test_a_place_that_never_answers_keeps_no_stage_from_its_end(
    scheme: str, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with silence() as port:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "somebody")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hushhush")
        address = {"ssh": f"ssh://ada@127.0.0.1:{port}/team", "s3": "s3://bucket/team"}[scheme]
        command = [sys.executable, "-c", STAGE, str(tmp_path / "a"), address]
        start = time.monotonic()
        done = subprocess.run(
            command, cwd=REPOSITORY, capture_output=True, text=True, timeout=120, check=False
        )
        took = time.monotonic() - start
    assert done.returncode == 0, done.stderr
    assert took < 30, "importing what the test needs takes most of it"
    assert done.stderr.count("warning:") == 1, done.stderr
    assert "Timeout" in done.stderr
    assert len(objects(tmp_path / "a")) == len(NUMBERS)


def test_a_folder_that_hangs_keeps_no_stage_from_its_end(
    folder: Place,
    tmp_path: Path,
    short: None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """As a network drive does whose server is gone."""
    filled(tmp_path / "b", folder)
    released = threading.Event()

    def hang(*_: object, **__: object) -> bytes:
        released.wait(60)
        return b""

    monkeypatch.setattr(LocalFileSystem, "cat_file", hang)
    start = time.monotonic()
    used(CellStore(tmp_path / "a", folder.store))
    assert time.monotonic() - start < 10
    released.set()
    text = capsys.readouterr().err
    assert text.count("warning:") == 1
    assert "no answer within 1 s" in text
    assert len(objects(tmp_path / "a")) == len(NUMBERS)


def test_uploads_that_are_not_done_in_time_are_counted(
    folder: Place,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    rename = LocalFileSystem.mv

    def slow(*arguments: object) -> None:
        time.sleep(0.5)
        rename(*arguments)

    monkeypatch.setattr(LocalFileSystem, "mv", slow)
    store = CellStore(tmp_path / "a", folder.store)
    for number in NUMBERS:
        store.put(key(number), content(number))
    start = time.monotonic()
    store.close(wait_seconds=1.2)
    assert time.monotonic() - start < 2.5
    text = capsys.readouterr().err
    assert text.count("warning:") == 1
    done = len(folder.store.keys())
    assert 0 < done < len(NUMBERS)
    assert "objects were not uploaded" in text
    time.sleep(2)
    assert len(folder.store.keys()) <= done + 2, "what is under way ends, and no more is begun"


def test_an_interrupted_stage_does_not_wait_for_uploads(
    folder: Place,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(LocalFileSystem, "mv", lambda *_: time.sleep(3))
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt), CellStore(tmp_path / "a", folder.store) as store:
        store.put(KEY, SMALL)
        raise KeyboardInterrupt
    assert time.monotonic() - start < 1.5
    assert capsys.readouterr().err == ""


@pytest.mark.services
def test_a_read_only_folder_is_read_with_one_warning(
    folder: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with CellStore(tmp_path / "b", folder.store) as store:
        store.put(key(0), content(0))
    subprocess.run(["mount", "--bind", folder.address, folder.address], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", folder.address], check=True)
        used(CellStore(tmp_path / "a", folder.store))
    finally:
        subprocess.run(["umount", folder.address], check=True)
    text = capsys.readouterr().err
    assert text.count("warning:") == 1
    assert "takes no uploads" in text
    assert "Read-only" in text
    assert len(objects(tmp_path / "a")) == len(NUMBERS)
    assert folder.store.keys() == {key(0)}


@pytest.mark.parametrize("kind", ["folder", "ssh"])
def test_a_full_store_gives_one_warning(
    kind: str, ssh: Sshd, ssh_home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)], check=True)
    try:
        place = Place(str(disk) if kind == "folder" else ssh.url(disk))
        with CellStore(tmp_path / "a", place.store) as store:
            for number in range(30):
                store.put(key(number), content(number))
        text = capsys.readouterr().err
        with CellStore(tmp_path / "b", place.store) as store:
            store.fetch([key(number) for number in range(30)])
        assert 3 < len(objects(tmp_path / "b")) < 30
        assert list(disk.glob("*/.*")) == []
    finally:
        subprocess.run(["umount", str(disk)], check=True)
    assert text.count("warning:") == 1
    assert "takes no uploads" in text
    assert capsys.readouterr().err == "", "what was uploaded is whole"
    assert len(objects(tmp_path / "a")) == 30


def test_a_broken_connection_gives_one_warning_and_leaves_whole_objects(
    ssh: Sshd, ssh_home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (ssh_home / "known_hosts").unlink()
    (tmp_path / "remote").mkdir()
    with line_that_breaks(ssh.port, after=60_000) as line:
        address = f"ssh://{ssh.user}@127.0.0.1:{line.port}{tmp_path / 'remote'}"
        used(CellStore(tmp_path / "a", SharedStore(address)))
        assert line.broken.is_set()
    assert capsys.readouterr().err.count("warning:") == 1
    assert len(objects(tmp_path / "a")) == len(NUMBERS)
    with CellStore(tmp_path / "b", SharedStore(str(tmp_path / "remote"))) as store:
        store.fetch([key(number) for number in NUMBERS])
    assert 0 < len(objects(tmp_path / "b")) < len(NUMBERS)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("another key of the user", "Permission denied"),
        ("another key of the host", "Host key is not trusted"),
        ("another host", "Host key is not trusted"),
        ("no folder", "no such folder"),
    ],
)
def test_a_refusal_of_ssh_gives_one_warning(
    kind: str,
    reason: str,
    ssh: Sshd,
    ssh_home: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    other = new_key(tmp_path / "other")
    if kind == "another key of the user":
        (ssh_home / "config").write_text(f"Host 127.0.0.1\n  IdentityFile {other}\n")
    elif kind == "another key of the host":
        public = (tmp_path / "other.pub").read_text()
        (ssh_home / "known_hosts").write_text(f"[127.0.0.1]:{ssh.port} {public}")
    elif kind == "another host":
        (ssh_home / "known_hosts").write_text(f"example.org {(tmp_path / 'other.pub').read_text()}")
    used(CellStore(tmp_path / "a", SharedStore(ssh.url(tmp_path / "remote"))))
    text = capsys.readouterr().err
    assert text.count("warning:") == 1
    assert reason in text
    assert len(objects(tmp_path / "a")) == len(NUMBERS)


@pytest.mark.parametrize(
    ("kind", "reason"),
    [("bucket", "bucket does not exist"), ("secret", "Forbidden"), ("credentials", "credentials")],
)
def test_a_refusal_of_s3_gives_one_warning(
    kind: str,
    reason: str,
    s3: ObjectStore,
    home: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    variables = {**s3.variables, "AWS_EC2_METADATA_DISABLED": "true"}
    if kind == "secret":
        variables["AWS_SECRET_ACCESS_KEY"] = "wrong"
    elif kind == "credentials":
        del variables["AWS_ACCESS_KEY_ID"], variables["AWS_SECRET_ACCESS_KEY"]
    for name, text in {**variables, "AWS_ENDPOINT_URL": s3.address}.items():
        monkeypatch.setenv(name, text)
    address = "s3://nobody/team" if kind == "bucket" else s3.url("refused")
    used(CellStore(tmp_path / "a", SharedStore(address)))
    text = capsys.readouterr().err
    assert text.count("warning:") == 1
    assert reason in text
    assert len(objects(tmp_path / "a")) == len(NUMBERS)


# ----------------------------------------------------------------- the environment


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("nfs4://host/x", "nfs4"),
        ("a::s3://bucket/x", "a::s3"),
        ("://x", "no host"),
        ("s3://", "no bucket"),
        ("s3:///x", "no bucket"),
        ("ssh:///x", "no host"),
        ("ssh://host", "no path"),
        ("ssh://host/", "no path"),
        ("ssh://host:ssh/x", "'ssh'"),
        ("ssh://host:99999/x", "ort"),
        ("ssh://[::1/x", "IPv6"),
        ("ssh://ada:hushhush@/x", "no host"),
        (str(REPOSITORY / "params.yaml"), "a file"),
        (f"file://{REPOSITORY / 'params.yaml'}", "a file"),
    ],
)
def test_a_malformed_address_is_refused_at_once(address: str, found: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        open_store({"COUNTERPOISE_STORE": address})
    assert "COUNTERPOISE_STORE" in str(caught.value)
    assert found in str(caught.value.found)
    assert "hushhush" not in str(caught.value)


def test_a_place_whose_library_is_missing_names_the_file_that_brings_it() -> None:
    script = (
        "import sys; sys.modules['s3fs'] = None\n"
        "from counterpoise.core.errors import guarded\n"
        "from counterpoise.engine.cell_store import open_store\n"
        "guarded(lambda: open_store({'COUNTERPOISE_STORE': 's3://bucket/x'}) and None)()"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert "requirements-team.lock" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_folder_is_named_as_a_shell_does(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    team = home.parent / "team"
    team.mkdir()
    for number, address in enumerate(["~/team", "home/team", f"file://{team}", f" {team}/ "]):
        with open_store({"COUNTERPOISE_STORE": address}) as store:
            store.put(key(number), SMALL)
    assert {path.stem for path in objects(team)} == {key(number) for number in range(4)}


@pytest.mark.parametrize("text", ["", "  "])
def test_without_an_address_nothing_is_shared(text: str) -> None:
    assert open_store({"COUNTERPOISE_STORE": text}).shared is None
