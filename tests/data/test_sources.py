"""Where bytes come from, that they are verified, and the error when they cannot be obtained."""

from __future__ import annotations

import errno
import gzip
import hashlib
import re
import socket
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pandas as pd
import pytest

from counterpoise.core import config, files, paths, yaml12
from counterpoise.core.config import Dataset, File
from counterpoise.core.errors import SourceError, StorageError
from counterpoise.core.paths import REPOSITORY
from counterpoise.data import datasets, sources, tables
from tests.conftest import Publisher, Stage
from tests.helpers.servers import object_store

CONTENT = b"a,b,label\n1,2,0\n3,4,1\n"


def sum_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def file_of(content: bytes = CONTENT, *urls: str, name: str = "mine.csv", **more: Any) -> File:
    return File(
        name=name, urls=urls or ("http://127.0.0.1:1/unused",), sha256=sum_of(content), **more
    )


@pytest.fixture
def closed_port() -> str:
    """An address where nothing answers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}/mine.csv"


@pytest.fixture
def own_mirror(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path_factory.mktemp("mirror")
    monkeypatch.setenv("COUNTERPOISE_MIRROR", str(folder))
    return folder


def leftovers() -> list[str]:
    return [path.as_posix() for path in paths.DOWNLOADS.rglob("*") if path.is_file()]


# A mirror


@pytest.mark.parametrize("depth", ["", "one", "one/two/three"])
def test_a_mirror_has_a_file_at_any_depth(depth: str, own_mirror: Path, workplace: Path) -> None:
    (own_mirror / depth).mkdir(parents=True, exist_ok=True)
    (own_mirror / depth / "mine.csv").write_bytes(CONTENT)
    assert sources.locate(file_of(), "mine") == own_mirror / depth / "mine.csv"
    assert not leftovers(), "what the mirror has is not copied"


def test_a_name_with_brackets_is_found_in_a_mirror(own_mirror: Path, workplace: Path) -> None:
    (own_mirror / "mine [2020].csv").write_bytes(CONTENT)
    assert (
        sources.locate(file_of(name="mine [2020].csv"), "mine", download=False).name
        == "mine [2020].csv"
    )


def test_of_two_mirrors_and_two_files_of_one_name_the_one_with_the_right_sum_is_taken(
    tmp_path: Path, workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder, content in (
        ("first", b"another"),
        ("first/deeper", b"a third"),
        ("second", CONTENT),
    ):
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / "mine.csv").write_bytes(content)
    monkeypatch.setenv("COUNTERPOISE_MIRROR", f"{tmp_path / 'first'}:{tmp_path / 'second'}")
    assert sources.locate(file_of(), "mine") == tmp_path / "second" / "mine.csv"


def test_a_mirror_that_does_not_exist_is_an_error_before_any_download(
    workplace: Path, publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    publisher.files["mine.csv"] = CONTENT
    monkeypatch.setenv("COUNTERPOISE_MIRROR", "/no/such/mirror")
    with pytest.raises(
        SourceError, match="COUNTERPOISE_MIRROR names something that is no folder"
    ) as caught:
        sources.locate(file_of(CONTENT, publisher.url("mine.csv")), "mine")
    assert (caught.value.where, caught.value.found) == ("/no/such/mirror", "nothing")
    assert not publisher.asked


def test_a_wrong_file_in_the_mirror_is_passed_over_and_the_right_one_downloaded(
    own_mirror: Path, workplace: Path, publisher: Publisher
) -> None:
    (own_mirror / "mine.csv").write_bytes(b"something else")
    publisher.files["mine.csv"] = CONTENT
    located = sources.locate(file_of(CONTENT, publisher.url("mine.csv")), "mine")
    assert located == Path("data/downloads/mine/mine.csv")
    assert located.read_bytes() == CONTENT
    assert (own_mirror / "mine.csv").read_bytes() == b"something else"


def test_a_wrong_file_in_the_mirror_is_an_error_with_both_checksums(
    own_mirror: Path, workplace: Path, publisher: Publisher
) -> None:
    (own_mirror / "mine.csv").write_bytes(b"something else")
    with pytest.raises(SourceError, match=r"The bytes of mine.csv could not be had") as caught:
        sources.locate(file_of(CONTENT, publisher.url("gone.csv")), "mine")
    found = str(caught.value.found)
    assert (
        f"{own_mirror / 'mine.csv'} has {sum_of(b'something else')}, expected {sum_of(CONTENT)}"
        in found
    )
    assert "404" in found
    assert caught.value.expected == f"a file whose SHA-256 is {sum_of(CONTENT)}"


def test_without_permission_to_download_nothing_is_requested(
    no_mirror: None, workplace: Path, publisher: Publisher
) -> None:
    publisher.files["mine.csv"] = CONTENT
    with pytest.raises(sources.NotHere, match=r"mine\.csv"):
        sources.locate(file_of(CONTENT, publisher.url("mine.csv")), "mine", download=False)
    assert not publisher.asked
    assert not paths.DATA.exists()


# A download


def test_the_second_address_serves_when_the_first_has_nothing(
    no_mirror: None, workplace: Path, publisher: Publisher
) -> None:
    publisher.files["new.csv"] = CONTENT
    file = file_of(CONTENT, publisher.url("old.csv"), publisher.url("new.csv"))
    assert sources.locate(file, "mine").read_bytes() == CONTENT
    assert publisher.asked == ["old.csv", "new.csv"]
    assert leftovers() == ["data/downloads/mine/mine.csv"]


def test_what_was_downloaded_once_is_not_downloaded_again(
    no_mirror: None, workplace: Path, publisher: Publisher
) -> None:
    publisher.files["mine.csv"] = CONTENT
    file = file_of(CONTENT, publisher.url("mine.csv"))
    assert sources.locate(file, "mine") == sources.locate(file, "mine")
    assert len(publisher.asked) == 1


def test_bytes_with_another_checksum_are_removed_and_an_error(
    no_mirror: None, workplace: Path, publisher: Publisher
) -> None:
    publisher.files["mine.csv"] = b"tampered"
    address = publisher.url("mine.csv")
    with pytest.raises(SourceError) as caught:
        sources.locate(file_of(CONTENT, address), "mine")
    assert caught.value.found == f"{address} has {sum_of(b'tampered')}, expected {sum_of(CONTENT)}"
    assert "do not use it" in str(caught.value.todo)
    assert "Nothing was kept" in str(caught.value.todo)
    assert not leftovers()


def test_a_host_out_of_reach_points_to_the_mirror_and_to_the_data_that_needs_no_download(
    no_mirror: None, workplace: Path, publisher: Publisher, closed_port: str
) -> None:
    with pytest.raises(SourceError) as caught:
        sources.locate(file_of(CONTENT, closed_port), "mine")
    assert str(caught.value.found).startswith(closed_port)
    assert "Connection refused" in str(caught.value.found), (
        "the last cause of the chain, not the library's wrapping"
    )
    assert "COUNTERPOISE_MIRROR" in str(caught.value.todo)
    assert "dvc repro track@digits" in str(caught.value.todo)
    assert caught.value.where == "params.yaml: datasets.mine.source.files"
    assert not leftovers()


def test_a_download_that_breaks_off_leaves_nothing_behind(
    no_mirror: None, workplace: Path, publisher: Publisher
) -> None:
    publisher.files["mine.csv"], publisher.missing_bytes = CONTENT, 5
    with pytest.raises(SourceError) as caught:
        sources.locate(file_of(CONTENT, publisher.url("mine.csv")), "mine")
    assert "IncompleteRead" in str(caught.value.found)
    assert not leftovers()


def test_a_full_disk_is_an_error_of_its_own(
    no_mirror: None, workplace: Path, publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("pooch.HTTPDownloader.__call__", full)
    with pytest.raises(StorageError, match="no room left on the disk"):
        sources.locate(file_of(CONTENT, publisher.url("mine.csv")), "mine")
    assert not leftovers()


# Addresses of other protocols, through fsspec, and secrets in addresses


def test_an_address_that_fsspec_opens_is_read_and_verified(
    no_mirror: None, workplace: Path
) -> None:
    memory = fsspec.filesystem("memory")
    memory.pipe("/right.csv", CONTENT)
    memory.pipe("/wrong.csv", b"another")
    with pytest.raises(SourceError) as caught:
        sources.locate(file_of(CONTENT, "memory://wrong.csv", "memory://gone.csv"), "mine")
    wrong, gone = str(caught.value.found).splitlines()
    assert wrong.startswith(f"memory://wrong.csv has {sum_of(b'another')}")
    assert gone.strip() == "memory://gone.csv: no such file"
    assert not leftovers()
    located = sources.locate(file_of(CONTENT, "memory://right.csv"), "mine")
    assert located.read_bytes() == CONTENT


@pytest.mark.services
@pytest.mark.filterwarnings("ignore::DeprecationWarning:(aiobotocore|botocore|s3fs|asyncio).*")
def test_a_table_in_s3_is_read_and_one_that_is_not_there_is_named(
    no_mirror: None, workplace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with object_store(tmp_path) as store:
        for name, text in {**store.variables, "AWS_ENDPOINT_URL": store.address}.items():
            monkeypatch.setenv(name, text)
        fsspec.filesystem("s3").pipe(store.url("mine.csv"), CONTENT)
        file = file_of(CONTENT, store.url("gone.csv"), store.url("mine.csv"))
        assert sources.locate(file, "mine").read_bytes() == CONTENT
        with pytest.raises(SourceError) as caught:
            sources.locate(file_of(b"other", store.url("gone.csv")), "other")
        assert f"{store.url('gone.csv')}: no such file" in str(caught.value.found)
        assert store.secret not in str(caught.value)


@pytest.mark.parametrize(
    ("address", "package"),
    [
        ("s3://bucket/mine.csv", "s3fs"),
        ("gs://bucket/mine.csv", "gcsfs"),
        ("hf://datasets/me/it/mine.csv", "huggingface_hub"),
        ("abfs://container/mine.csv", "adlfs"),
    ],
)
def test_a_protocol_whose_package_is_missing_names_it(
    address: str, package: str, no_mirror: None, workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    opened = sys.modules["fsspec.registry"]._registry  # the classes of protocols used so far
    monkeypatch.delitem(opened, address.partition("://")[0], raising=False)
    with pytest.raises(SourceError) as caught:
        sources.locate(file_of(CONTENT, address), "mine")
    assert str(caught.value.found).startswith(f"{address}: ")
    assert package in str(caught.value.found)
    assert str(caught.value.todo).startswith("`pip install` the package that is named")
    assert not leftovers()


@pytest.mark.parametrize(
    "address",
    [
        "http://ada:hushhush@127.0.0.1:{port}/gone.csv",
        "http://127.0.0.1:{port}/gone.csv?password=hushhush",
        "http://127.0.0.1:{port}/gone.csv?X-Amz-Signature=hushhush&x=1",
        "http://ada:hushhush@127.0.0.1:1/nobody.csv",
        "ftp://ada:hushhush@127.0.0.1:1/nobody.csv",
        "nonsense://ada:hushhush@127.0.0.1:1/nobody.csv",
    ],
)
def test_a_secret_in_an_address_is_never_printed(
    address: str,
    no_mirror: None,
    workplace: Path,
    publisher: Publisher,
    capsys: pytest.CaptureFixture[str],
) -> None:
    port = publisher.url("").split(":")[2].strip("/")
    with pytest.raises(SourceError) as caught:
        sources.locate(file_of(CONTENT, address.format(port=port)), "mine")
    out = "".join(capsys.readouterr())
    assert "***" in out and "***" in str(caught.value)
    assert "hushhush" not in out + str(caught.value)


# gz and zip


@pytest.mark.parametrize(
    "at", ["mirror, packed", "mirror, unpacked", "publisher", "publisher that unpacks on the way"]
)
def test_a_packed_file_may_be_known_by_the_sum_of_its_content(
    at: str, own_mirror: Path, workplace: Path, publisher: Publisher
) -> None:
    packed = gzip.compress(CONTENT, mtime=0)
    if at == "mirror, packed":
        (own_mirror / "mine.csv.gz").write_bytes(packed)
    elif at == "mirror, unpacked":
        (own_mirror / "mine.csv").write_bytes(CONTENT)
    else:
        publisher.files["mine.csv.gz"] = packed
        publisher.headers = {"Content-Encoding": "gzip"} if "unpacks" in at else {}
    file = File(
        name="mine.csv.gz", urls=(publisher.url("mine.csv.gz"),), unpacked_sha256=sum_of(CONTENT)
    )
    located = sources.locate(file, "mine")
    assert sources.read_bytes(located) == CONTENT
    assert bool(publisher.asked) == at.startswith("publisher")


@pytest.mark.parametrize(
    "content",
    [gzip.compress(CONTENT)[:-9], b"\x1f\x8bno gzip", gzip.compress(b"other")],
    # packed bytes hold the time, and every process has to find the same names
    ids=["cut", "broken", "another"],
)
def test_a_packed_file_that_is_cut_broken_or_another_is_refused(
    content: bytes, no_mirror: None, workplace: Path, publisher: Publisher
) -> None:
    publisher.files["mine.csv.gz"] = content
    file = File(
        name="mine.csv.gz", urls=(publisher.url("mine.csv.gz"),), unpacked_sha256=sum_of(CONTENT)
    )
    with pytest.raises(SourceError, match=r"The bytes of mine.csv.gz could not be had"):
        sources.locate(file, "mine")
    assert not leftovers()


def zipped(folder: Path, *members: str) -> Path:
    path = folder / "mine.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in members:
            archive.writestr(name, CONTENT)
    return path


def test_the_named_member_of_an_archive_is_read_without_unpacking_to_the_disk(
    tmp_path: Path,
) -> None:
    place = sources.unpacked(
        zipped(tmp_path, "readme.txt", "in/mine.csv"), file_of(member="in/mine.csv")
    )
    assert sources.read_bytes(place) == CONTENT
    assert [path.name for path in tmp_path.iterdir()] == ["mine.zip"]


def test_the_only_member_of_an_archive_needs_no_name(tmp_path: Path) -> None:
    assert sources.read_bytes(sources.unpacked(zipped(tmp_path, "mine.csv"), file_of())) == CONTENT


@pytest.mark.parametrize(
    "evil", ["../evil.csv", "a/../../evil.csv", "/etc/evil.csv", "..\\evil.csv", "C:\\evil.csv"]
)
def test_an_archive_whose_member_climbs_out_of_it_is_refused(tmp_path: Path, evil: str) -> None:
    with pytest.raises(SourceError, match="An archive is not what its entry says") as caught:
        sources.unpacked(zipped(tmp_path, "mine.csv", evil), file_of(member="mine.csv"))
    assert caught.value.expected == "members whose paths stay inside the archive"
    assert "evil.csv" in str(caught.value.found)


def test_an_archive_without_the_member_lists_what_it_has(tmp_path: Path) -> None:
    with pytest.raises(SourceError) as caught:
        sources.unpacked(zipped(tmp_path, "a.csv", "b.csv"), file_of(member="c.csv"))
    assert (caught.value.expected, caught.value.found) == ("the member 'c.csv'", "a.csv, b.csv")
    with pytest.raises(SourceError) as caught:
        sources.unpacked(zipped(tmp_path, "a.csv", "b.csv"), file_of())
    assert caught.value.expected == "one member, or a `member` in the entry"


def test_a_member_of_what_is_no_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.zip").write_bytes(CONTENT)
    with pytest.raises(SourceError) as caught:
        sources.unpacked(tmp_path / "mine.zip", file_of(member="c.csv"))
    assert caught.value.found == "no zip archive"


# From the entry to the table


def test_the_bundled_digits_need_neither_mirror_nor_network(
    no_mirror: None, workplace: Path
) -> None:
    entry = config.load(REPOSITORY / "params.yaml").dataset("digits")
    table, facts = datasets.fetch("digits", entry, download=False)
    assert (facts["rows"], facts["positives"], facts["features"]) == (1797, 174, 64)
    assert table.y.sum() == 174


@pytest.mark.parametrize(
    ("name", "rows", "positives", "features"),
    [
        ("mammography", 11183, 260, 6),
        ("creditcard_sample", 9528, 38, 29),
        ("higgs_sample", 7521, 2522, 30),
    ],
)
def test_the_committed_datasets_come_from_the_mirror(
    name: str,
    rows: int,
    positives: int,
    features: int,
    mirror: Path,
    workplace: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COUNTERPOISE_MIRROR", str(mirror))
    table, facts = datasets.fetch(
        name, config.load(REPOSITORY / "params.yaml").dataset(name), download=False
    )
    assert (facts["rows"], facts["positives"], facts["features"]) == (rows, positives, features)
    assert not {"Time", "EventId", "Weight", "KaggleSet", "KaggleWeight"} & set(table.features)
    if name == "higgs_sample":
        assert not (table.X == -999).any()
        assert facts["sentinels_replaced"] == facts["missing_values"] > 0


def test_a_set_of_the_zenodo_benchmark_comes_from_the_mirror(
    mirror: Path, workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COUNTERPOISE_MIRROR", str(mirror))
    original = mirror / "zenodo61452" / "x1data.npz"
    source = {
        "format": "npz",
        "files": [{"name": "x1data.npz", "sha256": files.sha256(original), "urls": ["unused"]}],
    }
    entry = Dataset(path="card.md", target="label", positive=1, source=source)
    table, facts = datasets.fetch("ecoli", entry, download=False)
    assert (facts["rows"], facts["positives"], facts["features"]) == (336, 35, 7)
    np.testing.assert_array_equal(table.X, np.load(original)["data"])


def whole_datasets() -> dict[str, Any]:
    """The entries that params.yaml has in comments, as a person gets them by taking the # away."""
    text = (REPOSITORY / "params.yaml").read_text()
    block = re.search(r"(?m)^  # creditcard:(?:.*\n)(?:  #.*\n)+", text)
    assert block is not None
    on = re.sub(r"(?m)^  # ?", "  ", block.group())
    datasets = yaml12.load(text.replace(block.group(), on))["datasets"]
    assert set(datasets) > {"creditcard", "higgs"}
    return {name: datasets[name] for name in ("creditcard", "higgs")}


def promised(entry: dict[str, Any], content: bytes, url: str) -> dict[str, Any]:
    """The entry with the address and sum of a small file in place of the publisher's."""
    (file,) = entry["source"]["files"]
    key = "sha256" if "sha256" in file else "unpacked_sha256"
    return {
        **entry,
        "source": {**entry["source"], "files": [{**file, key: sum_of(content), "urls": [url]}]},
    }


Write = Callable[[dict[str, Any]], None]


def fetched(name: str, entry: dict[str, Any], stage: Stage, write_params: Write) -> tables.Table:
    rest = {
        "split": {"scheme": "holdout"},
        "thresholds": {},
        "costs": {},
        "goal": "ranking",
        "worth": {},
    }
    write_params(
        {
            "seed": 1,
            "datasets": {name: entry},
            "strategies": {"none": {}},
            "models": {"xgboost": {}},
            **rest,
        }
    )
    stage("fetch", name)
    assert config.load().dataset(name).source is not None
    return tables.read(paths.table(name))


def test_the_entry_of_the_whole_creditcard_reads_the_layout_of_kaggle(
    no_mirror: None, publisher: Publisher, stage: Stage, write_params: Write
) -> None:
    names = ["Time", *(f"V{k}" for k in range(1, 29)), "Amount", "Class"]
    random = np.random.default_rng(0)
    lines = [",".join(f'"{name}"' for name in names)]
    for row in range(60):
        numbers = [
            str(row // 2),
            *(f"{value:.12f}" for value in random.normal(size=29)),
            f'"{int(row % 20 == 0)}"',
        ]
        lines.append(",".join(numbers))
    content = "\n".join([*lines, ""]).encode()
    publisher.files["creditcard.csv"] = content
    entry = promised(whole_datasets()["creditcard"], content, publisher.url("creditcard.csv"))
    table = fetched("creditcard", entry, stage, write_params)
    assert table.features == tuple(names[1:-1])
    assert np.flatnonzero(table.y).tolist() == [0, 20, 40]
    assert table.roles["time"].tolist() == [row // 2 for row in range(60)]
    assert files.read_json(paths.facts("creditcard"))["prevalence"] == 0.05


def test_the_entry_of_the_whole_higgs_reads_the_layout_of_cern(
    no_mirror: None, mirror: Path, publisher: Publisher, stage: Stage, write_params: Write
) -> None:
    rows = pd.concat(
        pd.read_csv(mirror / "higgs-sample" / f"train_sml_{kind}.csv", nrows=40)
        for kind in ("bg", "sig")
    )
    assert rows.shape == (80, 35)
    # the whole file holds all of Kaggle's sets, `t` is to be taken
    rows["KaggleSet"] = ["t", "b", "v", "t"] * 20
    content = rows.to_csv(index=False).encode()
    publisher.files["atlas.csv.gz"] = gzip.compress(content)
    entry = promised(whole_datasets()["higgs"], content, publisher.url("atlas.csv.gz"))
    table = fetched("higgs", entry, stage, write_params)
    assert len(table) == 40
    assert table.y.sum() == 20
    assert len(table.features) == 30
    assert {name[:4] for name in table.features} == {"DER_", "PRI_"}
    assert not table.roles
    assert not (table.X == -999).any()
    assert np.isnan(table.X).any()
    assert leftovers() == ["data/downloads/higgs/atlas-higgs-challenge-2014-v2.csv.gz"]


def test_several_files_are_read_as_one_table(own_mirror: Path, workplace: Path) -> None:
    second = b"a,b,label\n5,6,0\n7,8,0\n"
    for name, content in (("one.csv", CONTENT), ("two.csv", second)):
        (own_mirror / name).write_bytes(content)
    listed = [
        {"name": n, "sha256": sum_of(c), "urls": ["x"]}
        for n, c in (("one.csv", CONTENT), ("two.csv", second))
    ]
    table, _ = datasets.fetch(
        "mine", Dataset(path="x", target="label", positive=1, source={"files": listed})
    )
    assert table.X[:, 0].tolist() == [1, 3, 5, 7]
