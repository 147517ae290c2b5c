"""Results shared through real remotes: SSH, S3 and a folder; what each refuses, and damage in it
and in the cache."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from counterpoise.core import yaml12
from counterpoise.core.paths import REPOSITORY
from tests.helpers.project import Project
from tests.helpers.servers import (
    ObjectStore,
    Sshd,
    free_port,
    line_that_breaks,
    new_key,
    object_store,
    program,
    serving,
    sshd,
)
from tests.helpers.shared_results import ALL, colleague, computed, flip_bit, md5, owner, ran

TEAM = (REPOSITORY / "docs" / "team.md").read_text()


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return computed(tmp_path_factory)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    with sshd(tmp_path_factory.mktemp("sshd")) as running:
        yield running


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStore]:
    with object_store(tmp_path_factory.mktemp("s3")) as running:
        yield running


@dataclass
class Way:
    """How a remote is set up: what everybody gets through git, and what owner and colleague each
    keep to themselves."""

    committed: list[list[str]]
    owners: list[list[str]] = field(default_factory=list)
    colleagues: list[list[str]] = field(default_factory=list)
    variables: dict[str, str] = field(default_factory=dict)
    """The owner's; a colleague has those that hold no secret."""
    secrets: list[str] = field(default_factory=list)


@pytest.fixture
def way(request: pytest.FixtureRequest, tmp_path: Path) -> Way:
    """The commands of docs/team.md, with this test's addresses."""
    if request.param == "folder":
        (tmp_path / "shared").mkdir()
        return Way(
            [
                ["remote", "add", "-d", "team", str(tmp_path / "shared")],
                ["remote", "modify", "team", "shared", "group"],
            ]
        )
    if request.param == "ssh":
        server: Sshd = request.getfixturevalue("server")
        own = [
            ["remote", "modify", "--local", "team", "user", server.user],
            ["remote", "modify", "--local", "team", "keyfile", str(server.key)],
        ]
        address = f"ssh://127.0.0.1:{server.port}{tmp_path / 'remote'}"
        return Way([["remote", "add", "-d", "team", address]], own, own, secrets=[str(server.key)])
    store: ObjectStore = request.getfixturevalue("store")
    return Way(
        [
            ["remote", "add", "-d", "team", store.url("pulled")],
            ["remote", "modify", "team", "endpointurl", store.address],
        ],
        colleagues=[
            ["remote", "modify", "--local", "team", "access_key_id", store.access_key],
            ["remote", "modify", "--local", "team", "secret_access_key", store.secret],
        ],
        variables=store.variables,
        secrets=[store.secret, store.access_key],
    )


def shared(base: Project, way: Way, folder: Path) -> Project:
    """The owner of the results, who has set up the remote and committed that."""
    project = owner(base, folder, **way.variables)
    for command in [*way.committed, ["remote", "modify", "team", "verify", "true"], *way.owners]:
        ran(project, *command)
    project.git("commit", "-qam", "the team's remote")
    return project


def joined(project: Project, way: Way, folder: Path) -> Project:
    """A colleague with a fresh clone and credentials of their own."""
    clone = colleague(
        project,
        folder,
        **{name: text for name, text in way.variables.items() if text not in way.secrets},
    )
    for command in way.colleagues:
        ran(clone, *command)
    return clone


@pytest.mark.parametrize("way", ["ssh", "s3", "folder"], indirect=True)
def test_a_colleague_pulls_and_computes_nothing(base: Project, way: Way, tmp_path: Path) -> None:
    project = shared(base, way, tmp_path / "a")
    ran(project, "push", "--run-cache")
    clone = joined(project, way, tmp_path / "b")
    ran(clone, "pull", "--run-cache", "--allow-missing")
    outcome = clone.repro(*ALL)
    assert outcome.stages == []
    runs = [
        {path.name for path in (one.folder / ".dvc/cache/runs").rglob("*") if path.is_file()}
        for one in (project, clone)
    ]
    assert runs[0] == runs[1] != set()
    assert clone.command("same", str(project.folder / "reports"), "reports").status == 0
    for one in (project, clone):
        tracked = "".join(
            (one.folder / name).read_text(errors="replace")
            for name in one.git("ls-files", "-z").split("\0")
            if name
        )
        assert not [secret for secret in way.secrets if secret in tracked]
        assert one.git("check-ignore", ".dvc/config.local").strip() == ".dvc/config.local"


@pytest.mark.parametrize("name", ["fetch", "split", "resample", "train", "evaluate", "report"])
def test_every_stage_that_computes_can_be_taken_from_the_run_cache(name: str) -> None:
    """DVC keeps a stage out of the run cache that always runs, or that has a result outside of the
    cache."""
    stage = yaml12.load((REPOSITORY / "dvc.yaml").read_text())["stages"][name]
    stage = stage.get("do", stage)
    assert not stage.get("always_changed")
    results = [*stage["outs"], *stage.get("metrics", []), *stage.get("plots", [])]
    settings = [next(iter(out.values())) for out in results if isinstance(out, dict)]
    assert not [one for one in settings if one.get("cache") is False or one.get("persist")]


def test_in_a_clone_with_no_remote_within_reach_everything_is_computed(
    base: Project, tmp_path: Path
) -> None:
    clone = colleague(base, tmp_path / "b")
    pulled = clone.dvc("pull", "--allow-missing")
    assert pulled.status == 0
    documented("No remote provided and no default remote set.", pulled.text)
    ran(clone, "remote", "add", "-d", "team", f"ssh://127.0.0.1:{free_port()}/nobody/listens")
    away = clone.dvc("pull", "--allow-missing")
    assert away.status != 0
    documented("Connect call failed", away.text)
    ran(clone, "remote", "modify", "team", "url", str(tmp_path / "not-mounted"))
    empty = clone.dvc("pull", "--allow-missing")
    assert empty.status == 0
    documented("Some of the cache files do not exist neither locally nor on remote", empty.text)
    outcome = clone.repro("split@digits")
    assert outcome.computing - {"code", "check"} == {"fetch@digits", "split@digits"}


# ----------------------------------------------------------------- what is refused


def documented(message: str, text: str) -> None:
    """The message is what DVC says, and it stands in the documentation."""
    assert message in text, text
    assert message in TEAM, message


def damaged(folder: Path) -> list[str]:
    """The damaged objects of a cache or remote, by the command of the documentation."""
    (command,) = [line for line in TEAM.splitlines() if "md5sum --check" in line]
    objects = folder / "files" / "md5"
    done = subprocess.run(
        ["bash", "-c", command], cwd=objects, stdout=subprocess.PIPE, text=True, check=False
    )
    return re.findall(r"^(.*): FAILED$", done.stdout, re.MULTILINE)


def complete(project: Project, remote: Path) -> bool:
    """Whether the remote has every object that is in the owner's cache, byte for byte."""
    cache = project.folder / ".dvc" / "cache" / "files" / "md5"
    pairs = [
        (path, remote / "files" / "md5" / path.relative_to(cache))
        for path in cache.rglob("*")
        if path.is_file()
    ]
    assert len(pairs) > 10
    return all(there.is_file() and there.read_bytes() == path.read_bytes() for path, there in pairs)


@pytest.fixture
def ssh_way(server: Sshd, tmp_path: Path) -> Way:
    own = [["remote", "modify", "--local", "team", "keyfile", str(server.key)]]
    address = f"ssh://{server.user}@127.0.0.1:{server.port}{tmp_path / 'remote'}"
    return Way([["remote", "add", "-d", "team", address]], own, own)


def test_a_wrong_key_is_refused(base: Project, ssh_way: Way, tmp_path: Path) -> None:
    project = shared(base, ssh_way, tmp_path / "a")
    ran(project, "remote", "modify", "--local", "team", "keyfile", str(new_key(tmp_path / "other")))
    refused = project.dvc("push")
    assert refused.status != 0
    documented("Permission denied for user", refused.text)


def test_dvc_checks_no_host_key_and_a_tunnel_of_ssh_does(
    base: Project, server: Sshd, ssh_way: Way, tmp_path: Path
) -> None:
    """A server that shows another key than the one that is known: DVC talks to it, ssh does not."""
    home = tmp_path / "home"
    (home / ".ssh").mkdir(parents=True)
    other = new_key(tmp_path / "other").with_suffix(".pub").read_text()
    (home / ".ssh" / "known_hosts").write_text(f"[127.0.0.1]:{server.port} {other}")
    project = shared(base, ssh_way, tmp_path / "a")
    project.variables["HOME"] = str(home)
    ran(project, "push", "data/splits/digits.parquet")
    port = free_port()

    def tunnel(known_hosts: Path) -> list[str]:
        return [
            program("ssh", "openssh-client"),
            "-N",
            "-L",
            f"{port}:127.0.0.1:{server.port}",
            "-p",
            str(server.port),
            "-i",
            str(server.key),
            "-o",
            "IdentitiesOnly=yes",
            "-o",
            f"UserKnownHostsFile={known_hosts}",
            "-o",
            "StrictHostKeyChecking=yes",
            "-o",
            "ExitOnForwardFailure=yes",
            f"{server.user}@127.0.0.1",
        ]

    refused = subprocess.run(
        tunnel(home / ".ssh" / "known_hosts"),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert refused.returncode != 0
    documented("Host key verification failed.", refused.stderr)
    with serving(tunnel(server.known_hosts), port, tmp_path / "tunnel.log"):
        ran(
            project,
            "remote",
            "modify",
            "team",
            "url",
            f"ssh://{server.user}@127.0.0.1:{port}{tmp_path / 'remote'}",
        )
        ran(project, "push")
    assert complete(project, tmp_path / "remote")


def test_wrong_credentials_and_a_bucket_that_is_not_there(
    base: Project, store: ObjectStore, tmp_path: Path
) -> None:
    project = shared(
        base,
        Way(
            [
                ["remote", "add", "-d", "team", store.url("refused")],
                ["remote", "modify", "team", "endpointurl", store.address],
            ],
            variables=store.variables,
        ),
        tmp_path / "a",
    )
    documented("Forbidden", project.dvc("push", AWS_SECRET_ACCESS_KEY="wrong").text)
    nothing = {
        "AWS_ACCESS_KEY_ID": "",
        "AWS_SECRET_ACCESS_KEY": "",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    documented("Unable to locate credentials", project.dvc("push", **nothing).text)
    ran(project, "remote", "modify", "team", "url", "s3://no-such-bucket/x")
    documented("The specified bucket does not exist", project.dvc("push").text)


def test_a_line_that_breaks_while_pushing_leaves_nothing_half(
    base: Project, server: Sshd, ssh_way: Way, tmp_path: Path
) -> None:
    project = shared(base, ssh_way, tmp_path / "a")
    address = f"ssh://{server.user}@127.0.0.1:%d{tmp_path / 'remote'}"
    with line_that_breaks(server.port, after=150_000) as line:
        ran(project, "remote", "modify", "team", "url", address % line.port)
        broken = project.dvc("push")
        assert line.broken.is_set()
    assert broken.status != 0
    # whichever operation meets the break first
    found = re.search(r"Connection (not open|lost)", broken.text)
    assert found, broken.text
    documented(found[0], broken.text)
    ran(project, "remote", "modify", "team", "url", address % server.port)
    assert not complete(project, tmp_path / "remote")
    assert damaged(tmp_path / "remote") == []
    ran(project, "push")
    assert complete(project, tmp_path / "remote")


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Callable[[str], None]]:
    """A disk of so many bytes; what comes with it makes it larger."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], check=True)
    try:
        yield (
            lambda larger: (
                subprocess.run(["mount", "-o", f"remount,size={larger}", str(folder)], check=True)
                and None
            )
        )
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize("kind", ["folder", "ssh"])
def test_a_full_remote_is_told_and_filled_when_there_is_room(
    base: Project, server: Sshd, kind: str, tmp_path: Path
) -> None:
    place = tmp_path / "disk"
    address = (
        str(place / "x")
        if kind == "folder"
        else f"ssh://{server.user}@127.0.0.1:{server.port}{place / 'x'}"
    )
    own = (
        []
        if kind == "folder"
        else [["remote", "modify", "--local", "team", "keyfile", str(server.key)]]
    )
    with small_disk(place, "256k") as enlarge:
        project = shared(base, Way([["remote", "add", "-d", "team", address]], own), tmp_path / "a")
        full = project.dvc("push")
        assert full.status != 0
        documented(
            "[Errno 28] No space left on device" if kind == "folder" else "' - Failure", full.text
        )
        assert "files failed to upload" in full.text
        assert not complete(project, place / "x")
        assert damaged(place / "x") == []
        enlarge("8m")
        ran(project, "push")
        assert complete(project, place / "x")


# ----------------------------------------------------------------- damage


FILE, STAGE = "data/splits/digits.parquet", "split@digits"


def place(folder: Path, name: str) -> Path:
    """Where an object lies in a cache or remote."""
    return folder / "files" / "md5" / name[:2] / name[2:]


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    return tmp_path / "shared"


@pytest.fixture
def project(base: Project, remote: Path, tmp_path: Path) -> Project:
    """The owner, who has pushed everything into a folder."""
    project = shared(base, Way([["remote", "add", "-d", "team", str(remote)]]), tmp_path / "a")
    ran(project, "push")
    # DVC knows the sums of all files, and reads none again whose time is the same
    ran(project, "status")
    return project


def test_a_damaged_object_in_the_remote_is_refused_with_verify_and_replaced_by_a_copy(
    project: Project, remote: Path, tmp_path: Path
) -> None:
    cache, name = project.folder / ".dvc" / "cache", md5(project.folder / FILE)
    flip_bit(place(remote, name))
    assert damaged(remote) == [f"{name[:2]}/{name[2:]}"]
    assert "Everything is up to date." in ran(project, "push"), "DVC does not see it"

    careless = colleague(project, tmp_path / "careless")
    ran(careless, "remote", "modify", "--local", "team", "verify", "false")
    ran(careless, "pull")
    assert md5(careless.folder / FILE) != name, "without `verify` the damaged file becomes a result"
    assert careless.dvc("status", *ALL).text.strip() == "Data and pipelines are up to date."

    clone = colleague(project, tmp_path / "clone")
    pulled = clone.dvc("pull")
    assert pulled.status != 0
    documented("Checkout failed for following targets", pulled.text)
    assert FILE in pulled.text
    ran(clone, "pull", "--allow-missing")
    assert clone.repro(STAGE).computing == {STAGE}
    assert md5(clone.folder / FILE) == name

    assert (
        subprocess.run(
            ["cp", "-f", str(place(cache, name)), str(place(remote, name))], check=False
        ).returncode
        == 0
    )
    assert damaged(remote) == []
    ran(colleague(project, tmp_path / "later"), "pull")


def test_a_damaged_list_of_files_in_the_remote_is_named_and_replaced(
    project: Project, remote: Path, tmp_path: Path
) -> None:
    cache = project.folder / ".dvc" / "cache"
    outs = yaml12.load((project.folder / "dvc.lock").read_text())["stages"]["evaluate@digits"][
        "outs"
    ]
    (name,) = [out["md5"] for out in outs if out["path"] == "data/evaluations/digits"]
    assert name.endswith(".dir")
    damaged_list = place(remote, name)
    damaged_list.chmod(0o644)
    damaged_list.write_text("[")
    damaged_list.chmod(0o444)
    assert damaged(remote) == [f"{name[:2]}/{name[2:]}"]
    refused = colleague(project, tmp_path / "b").dvc("pull", "--allow-missing")
    assert refused.status != 0
    documented(".dir is corrupted", refused.text)
    shutil.copy(place(cache, name), tmp_path / "sound")
    damaged_list.unlink()
    shutil.copy(tmp_path / "sound", damaged_list)
    ran(colleague(project, tmp_path / "later"), "pull")


def test_a_damaged_result_in_the_workspace_is_deleted_and_comes_out_of_the_cache(
    project: Project,
) -> None:
    file, name = project.folder / FILE, md5(project.folder / FILE)
    flip_bit(file)
    assert md5(file) != name
    assert project.repro(*ALL).stages == [], "DVC does not see it"
    assert md5(file) != name
    documented(f"rm -r {FILE}\ndvc repro\n", f"rm -r {FILE}\ndvc repro\n")
    file.unlink()
    assert project.repro(*ALL).stages == []
    assert md5(file) == name


@pytest.mark.parametrize(("links", "fetched"), [("", False), ("hardlink", False), ("", True)])
def test_a_damaged_object_in_the_cache_is_listed_deleted_and_replaced(
    project: Project, links: str, fetched: bool
) -> None:
    """By the stage that makes it, with DVC's default way to fill the workspace and with links; or
    out of the remote."""
    file, name, cache = (
        project.folder / FILE,
        md5(project.folder / FILE),
        project.folder / ".dvc" / "cache",
    )
    if links:
        ran(project, "config", "--local", "cache.type", links)
        ran(project, "checkout", "--relink")
    assert damaged(cache) == []
    flip_bit(place(cache, name))
    file.unlink()
    ran(project, "checkout", FILE)
    assert md5(file) != name
    assert damaged(cache) == [f"{name[:2]}/{name[2:]}"]

    place(cache, name).unlink()
    file.unlink()
    if fetched:
        ran(project, "pull", FILE)
    else:
        assert project.repro(*ALL).stages == [STAGE]
    assert md5(file) == name
    assert damaged(cache) == []
    assert project.repro(*ALL).stages == []


def test_verify_lets_a_list_pass_that_names_other_files_and_status_does_not(
    project: Project, remote: Path, tmp_path: Path
) -> None:
    """Somebody puts another folder's list in the place of a folder's: every file is what its name
    says."""
    stages = yaml12.load((project.folder / "dvc.lock").read_text())["stages"]
    one, other = (
        next(
            (out["path"], out["md5"])
            for out in stages[stage]["outs"]
            if out["md5"].endswith(".dir")
        )
        for stage in ("evaluate@digits", "fetch@digits")
    )
    wrong = place(remote, one[1])
    wrong.chmod(0o644)
    wrong.write_bytes(place(remote, other[1]).read_bytes())
    wrong.chmod(0o444)
    clone = colleague(project, tmp_path / "b")
    ran(clone, "pull")
    assert {path.name for path in (clone.folder / one[0]).iterdir()} == {
        path.name for path in (clone.folder / other[0]).iterdir()
    }
    assert f"not in cache:       {one[0]}" in clone.dvc("status", "evaluate@digits").text
    assert damaged(remote) == [f"{one[1][:2]}/{one[1][2:]}"]
