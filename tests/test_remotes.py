"""Results shared through real remotes: SSH, S3 and a folder; what each refuses, and what is corrupted in it."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml

from stages.paths import REPOSITORY
from stages.sharing.objects import Needed, Seen
from tests.project import Project
from tests.services import ObjectStore, Sshd, free_port, line_that_breaks, new_key, object_store, program, serving, sshd
from tests.shared_results import ALL, colleague, computed, owner, ran

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
    """How a remote is set up: what everybody gets through git, and what owner and colleague each keep to themselves."""

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
        return Way([["remote", "add", "-d", "team", str(tmp_path / "shared")],
                    ["remote", "modify", "team", "shared", "group"]])  # fmt: skip
    if request.param == "ssh":
        server: Sshd = request.getfixturevalue("server")
        own = [["remote", "modify", "--local", "team", "user", server.user],
               ["remote", "modify", "--local", "team", "keyfile", str(server.key)]]  # fmt: skip
        address = f"ssh://127.0.0.1:{server.port}{tmp_path / 'remote'}"
        return Way([["remote", "add", "-d", "team", address]], own, own, secrets=[str(server.key)])
    store: ObjectStore = request.getfixturevalue("store")
    return Way(
        [["remote", "add", "-d", "team", store.url("pulled")],
         ["remote", "modify", "team", "endpointurl", store.address]],
        colleagues=[["remote", "modify", "--local", "team", "access_key_id", store.access_key],
                    ["remote", "modify", "--local", "team", "secret_access_key", store.secret]],
        variables=store.variables,
        secrets=[store.secret, store.access_key],
    )  # fmt: skip


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
        project, folder, **{name: text for name, text in way.variables.items() if text not in way.secrets}
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
    assert clone.stage("same", str(project.folder / "reports"), "reports").status == 0
    looked = clone.stage("remote")
    assert looked.status == 0, looked.text
    assert "none not sound" in looked.text
    for one in (project, clone):
        tracked = "".join(
            (one.folder / name).read_text(errors="replace") for name in one.git("ls-files", "-z").split("\0") if name
        )
        assert not [secret for secret in way.secrets if secret in tracked]
        assert one.git("check-ignore", ".dvc/config.local").strip() == ".dvc/config.local"


def test_every_stage_that_computes_can_be_taken_from_the_run_cache() -> None:
    """A result outside of the cache, or a stage that always runs, would be computed again by everybody."""
    stages = yaml.safe_load((REPOSITORY / "dvc.yaml").read_text())["stages"]
    expensive = {name: stage for name, stage in stages.items() if "strategy" in stage.get("matrix", {})}
    assert set(expensive) == {"resample", "train"}
    for stage in expensive.values():
        assert "always_changed" not in stage
        assert all(isinstance(out, str) for out in stage["outs"]), "no `cache: false`, no `persist`"


def test_in_a_clone_with_no_remote_within_reach_everything_is_computed(base: Project, tmp_path: Path) -> None:
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
    assert outcome.computing == {"code", "fetch@digits", "split@digits"}


# ----------------------------------------------------------------- what is refused


def documented(message: str, text: str) -> None:
    """The message is what DVC says, and it stands in the documentation."""
    assert message in text, text
    assert message in TEAM, message


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
    told = project.stage("remote")
    assert told.status == 1
    assert "The remote cannot be used." in told.text
    assert "Traceback" not in told.text
    ran(project, "remote", "modify", "--local", "team", "keyfile", str(tmp_path / "none"))
    documented("No such file or directory", project.dvc("push").text)


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
            program("ssh", "openssh-client"), "-N", "-L", f"{port}:127.0.0.1:{server.port}", "-p", str(server.port),
            "-i", str(server.key), "-o", "IdentitiesOnly=yes", "-o", f"UserKnownHostsFile={known_hosts}",
            "-o", "StrictHostKeyChecking=yes", "-o", "ExitOnForwardFailure=yes", f"{server.user}@127.0.0.1",
        ]  # fmt: skip

    refused = subprocess.run(
        tunnel(home / ".ssh" / "known_hosts"), capture_output=True, text=True, timeout=30, check=False
    )
    assert refused.returncode != 0
    documented("Host key verification failed.", refused.stderr)
    with serving(tunnel(server.known_hosts), port, tmp_path / "tunnel.log"):
        ran(project, "remote", "modify", "team", "url", f"ssh://{server.user}@127.0.0.1:{port}{tmp_path / 'remote'}")
        ran(project, "push")
        assert project.stage("remote").status == 0


def test_wrong_credentials_and_a_bucket_that_is_not_there(base: Project, store: ObjectStore, tmp_path: Path) -> None:
    project = shared(base, Way([["remote", "add", "-d", "team", store.url("refused")],
                                ["remote", "modify", "team", "endpointurl", store.address]],
                               variables=store.variables), tmp_path / "a")  # fmt: skip
    documented("Forbidden", project.dvc("push", AWS_SECRET_ACCESS_KEY="wrong").text)
    assert "The remote cannot be used." in project.stage("remote", AWS_SECRET_ACCESS_KEY="wrong").text
    nothing = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_EC2_METADATA_DISABLED": "true"}
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
    found = re.search(r"Connection (not open|lost)", broken.text)  # whichever operation meets the break first
    assert found, broken.text
    documented(found[0], broken.text)
    ran(project, "remote", "modify", "team", "url", address % server.port)
    looked = project.stage("remote")
    assert looked.status == 1
    assert "missing in the remote" in looked.text
    assert "corrupted" not in looked.text
    ran(project, "push")
    assert project.stage("remote").status == 0


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Callable[[str], None]]:
    """A disk of so many bytes; what comes with it makes it larger."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], check=True)
    try:
        yield lambda larger: subprocess.run(["mount", "-o", f"remount,size={larger}", str(folder)], check=True) and None
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize("kind", ["folder", "ssh"])
def test_a_full_remote_is_told_and_filled_when_there_is_room(
    base: Project, server: Sshd, kind: str, tmp_path: Path
) -> None:
    place = tmp_path / "disk"
    address = str(place / "x") if kind == "folder" else f"ssh://{server.user}@127.0.0.1:{server.port}{place / 'x'}"
    own = [] if kind == "folder" else [["remote", "modify", "--local", "team", "keyfile", str(server.key)]]
    with small_disk(place, "256k") as enlarge:
        project = shared(base, Way([["remote", "add", "-d", "team", address]], own), tmp_path / "a")
        full = project.dvc("push")
        assert full.status != 0
        documented("[Errno 28] No space left on device" if kind == "folder" else "' - Failure", full.text)
        documented("files failed to upload", full.text)
        looked = project.stage("remote")
        assert looked.status == 1
        assert "corrupted" not in looked.text
        enlarge("8m")
        ran(project, "push")
        looked = project.stage("remote")
        assert looked.status == 0, looked.text


# ----------------------------------------------------------------- what is corrupted


CELL = "data/scores/digits/none/logistic_regression.parquet"
STAGE = "train@digits-none"


def object_of(project: Project, path: str) -> str:
    """The name of the object that a file of the workspace is."""
    import hashlib

    return hashlib.md5((project.folder / path).read_bytes()).hexdigest()


def corrupt(objects: Path, name: str) -> Path:
    """Other bytes under the same name, read-only as DVC keeps them."""
    path = objects / "files" / "md5" / name[:2] / name[2:]
    path.chmod(0o644)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    path.chmod(0o444)  # DVC looks again at what is not, and takes this for a sign that it has looked
    return path


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    return tmp_path / "shared"


@pytest.fixture
def project(base: Project, remote: Path, tmp_path: Path) -> Project:
    """The owner, who has pushed everything into a folder."""
    project = shared(base, Way([["remote", "add", "-d", "team", str(remote)]]), tmp_path / "a")
    ran(project, "push")
    return project


def test_a_corrupted_object_is_found_named_put_right_and_fetched_again(
    project: Project, remote: Path, tmp_path: Path
) -> None:
    name = object_of(project, CELL)
    corrupt(remote, name)
    # DVC alone: nothing is wrong, and without `verify` a colleague gets the wrong bytes
    assert "Everything is up to date." in ran(project, "push")
    clone = colleague(project, tmp_path / "b")
    ran(clone, "remote", "modify", "--local", "team", "verify", "false")
    ran(clone, "pull")
    assert object_of(clone, CELL) != name
    assert clone.dvc("status", *ALL).text.strip() == "Data and pipelines are up to date."

    told = clone.stage("remote")
    assert told.status == 1
    assert f"{name} corrupted in the remote and corrupted in the cache: {CELL} of {STAGE}" in told.text
    assert "no sound copy is here" in told.text
    assert "dvc remote modify team verify true" in told.text

    found = project.stage("remote")
    assert found.status == 1
    assert f"{name} corrupted in the remote: {CELL} of {STAGE}" in found.text
    repaired = project.stage("remote", "--repair")
    assert repaired.status == 0
    assert f"repaired: {name} corrupted in the remote" in repaired.text
    assert project.stage("remote").status == 0

    fetched = clone.stage("remote", "--repair")
    assert fetched.status == 0
    assert f"repaired: {name} corrupted in the cache" in fetched.text
    assert object_of(clone, CELL) == name
    assert clone.repro(*ALL).stages == []


def test_with_verify_a_corrupted_object_is_not_taken_and_the_result_is_made_again(
    project: Project, remote: Path, tmp_path: Path
) -> None:
    name = object_of(project, CELL)
    corrupt(remote, name)
    clone = colleague(project, tmp_path / "b")
    pulled = clone.dvc("pull")
    assert pulled.status != 0
    documented("Checkout failed for following targets", pulled.text)
    assert "data/scores/digits/none" in pulled.text
    ran(clone, "pull", "--allow-missing")
    assert clone.repro(STAGE).fits == {"digits none": (2, 0)}
    assert object_of(clone, CELL) == name
    assert clone.stage("remote", "--repair").status == 0
    assert project.stage("remote").status == 0


def test_where_nobody_has_a_sound_copy_the_result_is_made_again(project: Project, remote: Path) -> None:
    name = object_of(project, CELL)
    for place in (remote, project.folder / ".dvc" / "cache"):
        corrupt(place, name)
    shutil.rmtree(project.folder / "data" / "store")
    told = project.stage("remote", "--repair")
    assert told.status == 1
    assert f"no sound copy is here of {STAGE}" in told.text
    assert project.repro(STAGE).fits == {"digits none": (2, 0)}
    repaired = project.stage("remote", "--repair")
    assert repaired.status == 0, repaired.text
    assert f"repaired: {name} corrupted in the remote" in repaired.text


def test_a_corrupted_list_of_a_folder_is_repaired_over_ssh(base: Project, ssh_way: Way, tmp_path: Path) -> None:
    project = shared(base, ssh_way, tmp_path / "a")
    ran(project, "push")
    locked = yaml.safe_load((project.folder / "dvc.lock").read_text())["stages"]["evaluate@digits"]["outs"][0]
    corrupt(tmp_path / "remote", locked["md5"]).write_text("[")
    refused = joined(project, ssh_way, tmp_path / "b").dvc("pull", "--allow-missing")
    assert refused.status != 0
    documented(".dir is corrupted", refused.text)
    assert (
        f"{locked['md5']} corrupted in the remote: data/evaluations/digits of evaluate@digits"
        in project.stage("remote").text
    )
    assert project.stage("remote", "--repair").status == 0
    ran(project, "push")


def test_verify_lets_a_list_pass_that_names_other_files_and_status_does_not(
    project: Project, remote: Path, tmp_path: Path
) -> None:
    """Somebody puts one strategy's list in the place of another's: every file is what its name says, in the wrong folder."""
    stages = yaml.safe_load((project.folder / "dvc.lock").read_text())["stages"]
    one, other = (
        out["md5"]
        for strategy in ("none", "random_over")
        for out in stages[f"train@digits-{strategy}"]["outs"]
        if out["md5"].endswith(".dir")
    )
    corrupt(remote, one).write_bytes((remote / "files" / "md5" / other[:2] / other[2:]).read_bytes())
    clone = colleague(project, tmp_path / "b")
    ran(clone, "pull")
    assert object_of(clone, CELL) == object_of(project, CELL.replace("none", "random_over"))
    assert "not in cache:       data/scores/digits/none" in clone.dvc("status", STAGE).text
    assert f"{one} corrupted in the remote: data/scores/digits/none of {STAGE}" in clone.stage("remote").text
    assert project.stage("remote", "--repair").status == 0


def test_a_corrupted_file_that_no_stage_makes_is_left_where_it_is(project: Project, remote: Path) -> None:
    """It may be all that there is."""
    (project.folder / "data" / "mine.csv").write_text("a,b\n1,2\n")
    ran(project, "add", "data/mine.csv")
    ran(project, "push")
    name = object_of(project, "data/mine.csv")
    places = [corrupt(place, name) for place in (remote, project.folder / ".dvc" / "cache")]
    told = project.stage("remote", "--repair")
    assert told.status == 1
    assert "data/mine.csv.dvc" in told.text
    assert all(place.exists() for place in places)


def test_a_remote_that_is_not_there_is_told(base: Project, tmp_path: Path) -> None:
    project = owner(base, tmp_path / "a")
    none = project.stage("remote")
    assert none.status == 1
    assert "There is no remote to look at." in none.text
    ran(project, "remote", "add", "-d", "team", str(tmp_path / "not-mounted"))
    assert "is the folder mounted" in project.stage("remote").text
    assert "remote 'other' doesn't exist" in project.stage("remote", "--remote", "other").text


@pytest.mark.parametrize(
    ("remote", "cache", "sound"),
    [
        ("a", "a", True),
        ("a", None, True),
        ("a", "x", False),
        ("x", "a", False),
        (None, "a", False),
        (None, None, False),
    ],
)
def test_an_object_is_sound_where_its_bytes_are_what_its_name_says(
    remote: str | None, cache: str | None, sound: bool
) -> None:
    assert Seen(Needed("a.dir", "train@x", Path("y"), made=True), remote, cache).sound is sound
