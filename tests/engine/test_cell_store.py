"""The cell store on one machine: what comes back is what was kept, or nothing."""

from __future__ import annotations

import hashlib
import io
import json
import os
import pickle
import random
import signal
import subprocess
import sys
import threading
import time
import tracemalloc
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from counterpoise.core import paths
from counterpoise.core.errors import ConfigurationError, StorageError
from counterpoise.core.paths import REPOSITORY
from counterpoise.engine import cell_store
from counterpoise.engine.cell_store import (
    CellStore,
    MalformedObjectError,
    StoredObject,
    pack,
    unpack,
)


def key(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()


KEY = key(0)
SMALL = StoredObject({"test": np.array([0.25, 0.5])}, {"made_by": "Ada", "commit": "abc"})


def content(seed: int, size: int = 1000) -> StoredObject:
    return StoredObject({"test": np.random.default_rng(seed).random(size)}, {"seed": seed})


def assert_same(found: StoredObject | None, expected: StoredObject) -> None:
    assert found is not None
    assert found.facts == expected.facts
    assert found.arrays.keys() == expected.arrays.keys()
    for name, array in expected.arrays.items():
        assert found.arrays[name].dtype == array.dtype
        np.testing.assert_array_equal(found.arrays[name], array, strict=True)


def objects(folder: Path) -> list[Path]:
    return sorted(folder.glob("??/*.cell"))


def signed(body: bytes) -> bytes:
    """Any bytes with the line and the checksum that the store puts before its own."""
    first = pack(KEY, SMALL).partition(b"\n")[0]
    return first[:-64] + hashlib.sha256(body).hexdigest().encode() + b"\n" + body


def archive(members: dict[str, bytes]) -> bytes:
    """A zip archive with an object's facts and other members, signed."""
    facts = {"facts.json": json.dumps({"key": KEY, "facts": {}}).encode()}
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in {**facts, **members}.items():
            file.writestr(name, data)
    return signed(stream.getvalue())


def npy(array: np.ndarray, **header: object) -> bytes:
    """A .npy file whose header declares something else than the array."""
    stream = io.BytesIO()
    declared = {"descr": array.dtype.str, "fortran_order": False, "shape": array.shape, **header}
    np.lib.format.write_array_header_1_0(stream, declared)  # type: ignore[arg-type]
    return stream.getvalue() + array.tobytes()


# ----------------------------------------------------------------- what is kept


def test_arrays_and_facts_come_back_as_they_were(tmp_path: Path) -> None:
    kept = StoredObject(
        {
            "scores": np.array([0.1, np.nan, np.inf]),
            "codes": np.arange(6, dtype=np.int8).reshape(2, 3),
            "columns": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
            "none": np.empty((0, 3)),
            "one": np.array(7),
            "labels": np.array(["é", "ab"]),
            "flags": np.array([True, False]),
            "strided": np.arange(10)[::3],
            "a/b": np.arange(2),
        },
        {"rows": 3, "share": 0.25, "notes": ["é"], "history": {"loss": [0.5, 0.25]}, "x": None},
    )
    with CellStore(tmp_path) as store:
        assert store.get(KEY) is None
        store.put(KEY, kept)
    with CellStore(tmp_path) as store:
        assert_same(found := store.get(KEY), kept)
        assert store.contains([KEY, key(1)]) == {KEY}
    assert found is not None
    found.arrays["scores"][0] = 1  # whoever gets it may write to it


def test_the_same_content_is_the_same_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    one = StoredObject({"a": np.arange(3), "b": np.zeros(2)}, {"x": 1, "y": 2})
    other = StoredObject({"b": np.zeros(2), "a": np.arange(3)}, {"y": 2, "x": 1})
    first = pack(KEY, one)
    monkeypatch.setattr(time, "time", lambda: 2e9)
    assert pack(KEY, other) == first


def test_an_object_opens_with_the_tools_of_anybody(tmp_path: Path) -> None:
    """A zip archive with a line before it, of .npy files and one JSON file."""
    with CellStore(tmp_path) as store:
        store.put(KEY, SMALL)
    with zipfile.ZipFile(objects(tmp_path)[0]) as file:
        assert json.loads(file.read("facts.json"))["facts"] == SMALL.facts
        array = np.load(io.BytesIO(file.read("test.npy")), allow_pickle=False)
    assert array.tolist() == [0.25, 0.5]


def test_python_objects_are_not_kept(tmp_path: Path) -> None:
    with CellStore(tmp_path) as store:
        with pytest.raises(ValueError, match="allow_pickle"):
            store.put(KEY, StoredObject({"x": np.array([None])}, {}))
        with pytest.raises(TypeError, match="JSON"):
            store.put(KEY, StoredObject({}, {"x": np.arange(2)}))
        assert store.contains([KEY]) == set()


@pytest.mark.parametrize(
    "wrong", ["", "ab", "../" * 20 + "a" * 4, KEY.upper(), KEY + "0", "é" * 64]
)
def test_a_key_is_64_hexadecimal_digits(wrong: str, tmp_path: Path) -> None:
    store = CellStore(tmp_path / "store")
    for use in (
        store.get,
        lambda name: store.put(name, SMALL),
        lambda name: store.contains([name]),
    ):
        with pytest.raises(ValueError, match="is no key"):
            use(wrong)
    assert list(tmp_path.iterdir()) == []


# ----------------------------------------------------------------- what is damaged


def test_another_byte_anywhere_is_found() -> None:
    data = pack(KEY, SMALL)
    for position in range(len(data)):
        for bit in range(8):
            damaged = bytearray(data)
            damaged[position] ^= 1 << bit
            with pytest.raises(MalformedObjectError):
                unpack(KEY, bytes(damaged))
    assert_same(unpack(KEY, data), SMALL)


def test_a_flipped_bit_of_a_large_object_is_found() -> None:
    data, chosen = bytearray(pack(KEY, content(0, 20_000))), random.Random(0)
    for _ in range(500):
        position, bit = chosen.randrange(len(data)), 1 << chosen.randrange(8)
        data[position] ^= bit
        with pytest.raises(MalformedObjectError):
            unpack(KEY, bytes(data))
        data[position] ^= bit
    assert_same(unpack(KEY, bytes(data)), content(0, 20_000))


def test_a_truncated_or_lengthened_object_is_refused() -> None:
    data = pack(KEY, SMALL)
    for length in range(len(data)):
        with pytest.raises(MalformedObjectError):
            unpack(KEY, data[:length])
    with pytest.raises(MalformedObjectError):
        unpack(KEY, data + b"\0")


def zeros_that_claim_to_be_few() -> bytes:
    """300 MB of zeros in an archive whose directory declares 100 bytes."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("facts.json", json.dumps({"key": KEY, "facts": {}}))
        with file.open("x.npy", "w") as member:
            for _ in range(300):
                member.write(bytes(10**6))
    size = (300 * 10**6).to_bytes(4, "little")
    return signed(stream.getvalue().replace(size, (100).to_bytes(4, "little")))


FOREIGN = {
    "empty": lambda: b"",
    "text": lambda: b"404 not found",
    "pickle": lambda: pickle.dumps(SMALL.arrays),
    "another version": lambda: pack(KEY, SMALL).replace(b" 1 ", b" 2 ", 1),
    "signed text": lambda: signed(b"404 not found"),
    "signed pickle": lambda: signed(pickle.dumps(SMALL.arrays)),
    "another key": lambda: pack(key(1), SMALL),
    "no facts": lambda: signed(pack(KEY, SMALL)[200:]),
    "deep facts": lambda: archive({"facts.json": b"[" * 100_000}),
    "facts of another form": lambda: archive({"facts.json": b"[1]"}),
    "objects": lambda: archive({"x.npy": npy(np.arange(2), descr="|O")}),
    "pickled objects": lambda: archive(
        {"x.npy": npy(np.arange(0), descr="|O") + pickle.dumps([1])}
    ),
    "huge shape": lambda: archive({"x.npy": npy(np.arange(2), shape=(10**12,))}),
    "negative shape": lambda: archive({"x.npy": npy(np.arange(2), shape=(-1, -2))}),
    "other shape": lambda: archive({"x.npy": npy(np.arange(2), shape=(1,))}),
    "no array": lambda: archive({"x.npy": b"x"}),
    "few zeros": zeros_that_claim_to_be_few,
}


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("kind", FOREIGN)
def test_foreign_bytes_are_refused(kind: str) -> None:
    data = FOREIGN[kind]()
    tracemalloc.start()
    try:
        with pytest.raises(MalformedObjectError):
            unpack(KEY, data)
        assert tracemalloc.get_traced_memory()[1] < 20e6
    finally:
        tracemalloc.stop()


def test_what_unpacks_to_too_much_is_refused_before_it_is_unpacked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cell_store, "MAX_OBJECT_BYTES", 10**6)
    zeros = archive({f"{k}.npy": npy(np.zeros(100_000)) for k in range(30)})
    assert len(zeros) < 10**6
    tracemalloc.start()
    try:
        with pytest.raises(MalformedObjectError, match="too many bytes"):
            unpack(KEY, zeros)
        assert tracemalloc.get_traced_memory()[1] < 10**6
    finally:
        tracemalloc.stop()


def test_damaged_objects_are_removed_and_made_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    numbers = range(5)
    with CellStore(tmp_path) as store:
        for number in numbers:
            store.put(key(number), content(number))
    first, second, *_ = objects(tmp_path)
    first.write_bytes(b"")
    second.write_bytes(second.read_bytes()[:-1])
    with CellStore(tmp_path) as store:
        found = {number: store.get(key(number)) for number in numbers}
        lost = {number for number in numbers if found[number] is None}
        assert {key(number) for number in lost} == {first.stem, second.stem}
        assert not first.exists()
        assert not second.exists()
        for number in lost:
            store.put(key(number), content(number))
    text = capsys.readouterr().err
    assert text.count("warning:") == 2
    assert first.name in text or second.name in text
    assert "2 objects" in text
    with CellStore(tmp_path) as store:
        for number in numbers:
            assert_same(store.get(key(number)), content(number))
    assert capsys.readouterr().err == ""


def test_what_cannot_be_read_is_no_object(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / KEY[:2] / f"{KEY}.cell").mkdir(parents=True)
    with CellStore(tmp_path) as store:
        assert store.get(KEY) is None
    assert KEY in capsys.readouterr().err


# ----------------------------------------------------------------- how much is kept


def size(folder: Path) -> int:
    return sum(path.stat().st_size for path in objects(folder))


def test_what_was_used_longest_ago_goes_first(tmp_path: Path) -> None:
    with CellStore(tmp_path) as store:
        for number in range(10):
            store.put(key(number), content(number))
    each = objects(tmp_path)[0].stat().st_size
    for age, number in enumerate(range(10)):
        path = next(path for path in objects(tmp_path) if path.stem == key(number))
        os.utime(path, (10**9 + age, 10**9 + age))
    limit = 5 * each + each // 2
    with CellStore(tmp_path, limit_bytes=limit) as store:
        assert store.get(key(0)) is not None  # used just now
    with CellStore(tmp_path) as store:
        assert store.contains([key(n) for n in range(10)]) == {key(n) for n in (0, 6, 7, 8, 9)}
    assert size(tmp_path) <= limit


def test_an_object_of_more_than_a_quarter_of_the_limit_is_not_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with CellStore(tmp_path, limit_bytes=20_000) as store:
        store.put(key(1), content(1, 10_000))
        store.put(key(2), content(2, 100))
        assert store.contains([key(1), key(2)]) == {key(2)}
    assert capsys.readouterr().err == ""


def test_only_old_parts_of_interrupted_writes_are_removed(tmp_path: Path) -> None:
    with CellStore(tmp_path) as store:
        store.put(KEY, SMALL)
    young, old = (objects(tmp_path)[0].with_name(f".{name}.part") for name in ("young", "old"))
    for path in (young, old):
        path.write_bytes(b"x")
    os.utime(old, (time.time() - 2 * 86400,) * 2)
    CellStore(tmp_path).close()
    assert young.exists()
    assert not old.exists()


def test_the_store_of_the_previous_layout_is_left_alone(tmp_path: Path) -> None:
    for name in ("joblib/stages/x/output.pkl", "searches/x.log", "tidied"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(bytes(1000))
    with CellStore(tmp_path, limit_bytes=8000) as store:
        for number in range(20):
            store.put(key(number), SMALL)
    assert (tmp_path / "joblib/stages/x/output.pkl").exists()
    assert (tmp_path / "searches/x.log").exists()
    assert 7000 < size(tmp_path) <= 8000


# ----------------------------------------------------------------- several at once, killed, full

WRITER = """
import sys
from pathlib import Path
from counterpoise.engine.cell_store import CellStore
from tests.engine.test_cell_store import content, key

with CellStore(Path(sys.argv[1])) as store:
    print("ready", flush=True)
    for turn in range(int(sys.argv[2])):
        store.put(key(turn % 5), content(turn % 5, 30_000))
"""


@contextmanager
def writer(folder: Path, turns: int) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-c", WRITER, str(folder), str(turns)]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        try:
            yield process
        finally:
            process.kill()


def test_two_processes_write_the_same_keys(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with writer(tmp_path, 150) as one, writer(tmp_path, 150) as other:
        store, reads = CellStore(tmp_path), 0
        while one.poll() is None or other.poll() is None:
            for number in range(5):
                if (found := store.get(key(number))) is not None:
                    reads += 1
                    assert_same(found, content(number, 30_000))
        assert (one.returncode, other.returncode) == (0, 0)
    store.close()
    assert reads > 5
    assert capsys.readouterr().err == ""
    assert len(list(tmp_path.glob("??/*"))) == 5  # no parts are left


def test_a_killed_writer_leaves_whole_objects(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for turn in range(8):
        with writer(tmp_path, 10**6) as process:
            time.sleep(0.05 + 0.013 * turn)
            process.send_signal(signal.SIGKILL)
    assert objects(tmp_path)
    with CellStore(tmp_path) as store:
        for path in objects(tmp_path):
            assert store.get(path.stem) is not None
    assert capsys.readouterr().err == ""


def test_objects_that_vanish_while_others_are_read_are_made_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two stages at once, each of which removes all but a few objects of the other."""
    failures: list[BaseException] = []

    def stage() -> None:
        try:
            for _ in range(30):
                with CellStore(tmp_path, limit_bytes=40_000) as store:
                    for number in range(8):
                        if (found := store.get(key(number))) is None:
                            store.put(key(number), content(number))
                        else:
                            assert_same(found, content(number))
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=stage) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert capsys.readouterr().err == ""
    assert 0 < size(tmp_path) <= 40_000


@pytest.mark.services
def test_a_full_disk_is_an_error_and_leaves_no_partial_file(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(disk)], check=True)
    try:
        store = CellStore(disk)
        with pytest.raises(StorageError) as caught:
            for number in range(1000):
                store.put(key(number), content(number))
        assert "no room left" in str(caught.value)
        assert 10 < number < 100
        assert not list(disk.glob("??/*.part"))
        for path in objects(disk):
            assert store.get(path.stem) is not None
        assert store.get(key(number)) is None
    finally:
        subprocess.run(["umount", str(disk)], check=True)


# ----------------------------------------------------------------- the environment


def test_the_store_of_a_project_is_in_its_folder_and_holds_one_gib(workplace: Path) -> None:
    with cell_store.open_store({}) as store:
        assert store.limit_bytes == 2**30
        store.put(KEY, SMALL)
        assert store.shared is None
    assert len(objects(workplace / paths.STORE)) == 1


def test_the_limit_is_a_number_of_gib() -> None:
    assert cell_store.open_store({"COUNTERPOISE_STORE_GIB": " 0.5 "}).limit_bytes == 2**29
    assert cell_store.open_store({"COUNTERPOISE_STORE_GIB": ""}).limit_bytes == 2**30


@pytest.mark.parametrize("text", ["much", "0", "-1", "nan", "inf", "1 GiB", "1,5"])
def test_a_limit_that_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="COUNTERPOISE_STORE_GIB"):
        cell_store.open_store({"COUNTERPOISE_STORE_GIB": text})
