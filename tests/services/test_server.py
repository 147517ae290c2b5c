"""The tracking server as deploy/server.sh runs it: a real PostgreSQL, a real MLflow, and what goes
wrong with them."""

from __future__ import annotations

import datetime
import ipaddress
import os
import subprocess
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import sqlalchemy
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from counterpoise.core.errors import StorageError
from counterpoise.tracking import store
from counterpoise.tracking.publisher import Publisher
from tests.helpers.team_servers import ADMIN_PASSWORD, SCRIPT, Postgres, TrackingServer, postgres

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # what MLflow warns of while it is imported is not ours
    os.environ.update(
        MLFLOW_DISABLE_TELEMETRY="true",
        NO_PROXY="127.0.0.1,localhost",
        no_proxy="127.0.0.1,localhost",
    )
    import mlflow
    from alembic import command
    from alembic.script import ScriptDirectory
    from mlflow.store.db.utils import _get_alembic_config
    from mlflow.store.tracking.dbmodels.initial_models import Base as FirstTables

# what MLflow asks of SQLAlchemy
pytestmark = pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SADeprecationWarning")

WORD = "the word of ann"


@pytest.fixture(scope="module")
def database() -> Iterator[Postgres]:
    with postgres() as server:
        yield server


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A certificate for 127.0.0.1 that nobody has signed but itself, and its key."""
    folder = tmp_path_factory.mktemp("certificate")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a server of the tests")])
    now = datetime.datetime.now(datetime.UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(address, critical=False)
        .sign(key, hashes.SHA256())
    )
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    paths = {"TLS_CERTIFICATE": folder / "certificate.pem", "TLS_KEY": folder / "key.pem"}
    paths["TLS_CERTIFICATE"].write_bytes(made.public_bytes(pem))
    paths["TLS_KEY"].write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
    return {name: str(path) for name, path in paths.items()}


@pytest.fixture(scope="module")
def server(
    database: Postgres, certificate: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[TrackingServer]:
    """A server with TLS, one user beside the administrator, and a run with an artifact."""
    server = TrackingServer(
        tmp_path_factory.mktemp("server"), database.create("mlflow"), database.passwords
    )
    server.settings = dict(certificate)
    server.start()
    try:
        server.user("ann", WORD)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("MLFLOW_TRACKING_SERVER_CERT_PATH", certificate["TLS_CERTIFICATE"])
            client = as_user(server, "ann", WORD)
            run = client.create_run(client.create_experiment("digits"), run_name="none/xgboost")
            client.log_text(run.info.run_id, "what was found", "found.txt")
            client.set_terminated(run.info.run_id)
        yield server
    finally:
        server.stop()


def as_user(server: TrackingServer, name: str, password: str) -> Any:
    return mlflow.MlflowClient(
        tracking_uri=server.address.replace("://", f"://{name}:{password.replace(' ', '%20')}@")
    )


def hold_what_ann_found(client: Any) -> None:
    (run,) = client.search_runs([client.get_experiment_by_name("digits").experiment_id])
    assert (run.info.run_name, run.info.status) == ("none/xgboost", "FINISHED")
    assert (
        Path(client.download_artifacts(run.info.run_id, "found.txt")).read_text()
        == "what was found"
    )


def told_by(address: str) -> str:
    """What a publisher says of a server that it cannot use."""
    with (
        pytest.raises(StorageError) as error,
        Publisher(store=store.Store(address), dataset="digits", wanted=("a", "b"), made=0).opened(),
    ):
        pass
    told = str(error.value)
    assert "The 2 runs of digits could not be published." in told
    assert "nothing is lost" in told.lower()
    return told


# ----------------------------------------------------------------- who may do what


def test_nobody_without_a_password_sees_anything(
    server: TrackingServer, certificate: dict[str, str]
) -> None:
    where = f"{server.address}/api/2.0/mlflow/experiments/get-by-name?experiment_name=digits"
    trusted = {"verify": certificate["TLS_CERTIFICATE"], "timeout": 10}
    assert requests.get(where, **trusted).status_code == 401
    assert requests.get(where, auth=("ann", WORD), **trusted).status_code == 200
    artifact = f"{server.address}/api/2.0/mlflow-artifacts/artifacts"
    assert requests.get(artifact, **trusted).status_code == 401


def test_no_process_shows_a_password(server: TrackingServer) -> None:
    listed = subprocess.run(
        ["ps", "axww", "-o", "args"], capture_output=True, text=True, check=True
    ).stdout
    assert "mlflow server" in listed
    for secret in (ADMIN_PASSWORD, WORD, "a database of the tests", "of the tests"):
        assert secret not in listed


@pytest.mark.parametrize(
    ("user", "host", "trusted", "expected", "todo"),
    [
        (
            "ann:wrong@",
            "127.0.0.1",
            True,
            "a user name and a password that the server takes",
            "MLFLOW_TRACKING_PASSWORD",
        ),
        (
            "",
            "127.0.0.1",
            True,
            "a user name and a password that the server takes",
            "MLFLOW_TRACKING_USERNAME",
        ),
        (
            "ann:the%20word%20of%20ann@",
            "127.0.0.1",
            False,
            "a certificate that this machine trusts",
            "MLFLOW_TRACKING_SERVER_CERT_PATH",
        ),
    ],
)
def test_a_server_that_refuses_is_told_with_the_way_out(
    server: TrackingServer,
    certificate: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    user: str,
    host: str,
    trusted: bool,
    expected: str,
    todo: str,
) -> None:
    if trusted:
        monkeypatch.setenv("MLFLOW_TRACKING_SERVER_CERT_PATH", certificate["TLS_CERTIFICATE"])
    told = told_by(f"https://{user}{host}:{server.port}")
    assert expected in told and todo in told
    assert "wrong" not in told and "word" not in told.replace("password", "").replace(
        "PASSWORD", ""
    )


def test_a_name_or_a_user_that_the_server_does_not_want_is_told(server: TrackingServer) -> None:
    """By a second server without a certificate, since that would refuse the name before; its users
    may only look."""
    plain = TrackingServer(server.folder.parent / "plain", server.database, server.passwords)
    plain.settings = {"TEAM_PERMISSION": "READ"}
    plain.start()
    try:
        told = told_by(f"http://ann:the%20word%20of%20ann@localhost:{plain.port}")
        looks = store.Store(plain.user("eve", "the-word-of-eve"))
        publisher = Publisher(store=looks, dataset="digits", wanted=("a", "b"), made=0)
        with pytest.raises(StorageError) as refused, publisher.opened():
            publisher.publish("none/xgboost", "a", [], made=0)
    finally:
        plain.stop()
    assert "a name under which the server wants to be reached" in told and "ALLOWED_HOSTS" in told
    assert "2 of the 2 runs of digits are not published." in str(refused.value)
    assert "the permission MANAGE" in str(refused.value) and "the-word-of-eve" not in str(
        refused.value
    )


def test_a_user_gets_a_new_password_and_a_bad_one_is_refused(server: TrackingServer) -> None:
    assert "ben is a user now" in server.call("user", "ben", said="the first of ben\n").stdout
    assert "ben has a new password" in server.call("user", "ben", said="the second of ben").stdout
    short = server.call("user", "cid", said="short\n")
    assert short.returncode == 1
    assert "at least 12 characters" in short.stdout
    stranger = TrackingServer(
        server.folder / "stranger", server.database, server.passwords, port=server.port
    )
    stranger.settings = {**server.settings, "ADMIN_PASSWORD": "not the right one"}
    refused = stranger.call("user", "dan", said="the first of dan\n")
    assert refused.returncode == 1 and "not authenticated" in refused.stdout


# ----------------------------------------------------------------- keeping and bringing back


def test_backup_and_restore_bring_back_runs_artifacts_and_users(
    server: TrackingServer,
    database: Postgres,
    certificate: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kept = server.call("backup", str(tmp_path / "kept"))
    assert kept.returncode == 0, kept.stdout
    assert sorted(path.name for path in (tmp_path / "kept").iterdir()) == [
        "SHA256SUMS",
        "artifacts.tar",
        "database.dump",
    ]
    assert {path.stat().st_mode & 0o077 for path in (tmp_path / "kept").iterdir()} == {0}, (
        "passwords' hashes are in there"
    )

    copy = TrackingServer(tmp_path / "copy", database.create("copy"), database.passwords)
    copy.settings = {**certificate, "ADMIN_PASSWORD": ""}
    restored = copy.call("restore", str(tmp_path / "kept"))
    assert restored.returncode == 0 and "1 runs" in restored.stdout, restored.stdout
    copy.start()
    try:
        monkeypatch.setenv("MLFLOW_TRACKING_SERVER_CERT_PATH", certificate["TLS_CERTIFICATE"])
        hold_what_ann_found(as_user(copy, "ann", WORD))
    finally:
        copy.stop()

    for told, folder, expected in (
        ("nothing is overwritten", tmp_path / "kept", "The database is not empty."),
        ("a folder that", tmp_path / "elsewhere", "This is no backup."),
    ):
        refused = copy.call("restore", str(folder))
        assert refused.returncode == 1 and told in refused.stdout and expected in refused.stdout, (
            refused.stdout
        )
    with (tmp_path / "kept" / "artifacts.tar").open("r+b") as tar:
        tar.seek(600)
        tar.write(b"x")
    damaged = TrackingServer(tmp_path / "damaged", database.create("damaged"), database.passwords)
    refused = damaged.call("restore", str(tmp_path / "kept"))
    assert (
        refused.returncode == 1
        and "The backup is damaged." in refused.stdout
        and "artifacts.tar" in refused.stdout
    )
    again = server.call("backup", str(tmp_path / "kept"))
    assert again.returncode == 1 and "is there already" in again.stdout


def test_a_database_of_an_older_mlflow_is_refused_and_upgraded(
    database: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MLflow itself would upgrade it in silence, and nobody would have a backup."""
    address = database.create("older")
    monkeypatch.setenv("PGPASSFILE", str(database.passwords))
    config = _get_alembic_config(address)
    head = ScriptDirectory.from_config(config).get_current_head()
    before = ScriptDirectory.from_config(config).get_revision(head).down_revision
    FirstTables.metadata.create_all(
        engine := sqlalchemy.create_engine(address)
    )  # what the first of all MLflows began with
    engine.dispose()
    command.upgrade(config, before)
    server = TrackingServer(tmp_path / "server", address, database.passwords)
    refused = server.call("start")
    assert refused.returncode == 1
    for said in (
        "another version of MLflow",
        f"schema {head}+",
        ", of MLflow 3.",
        f"schema {before}",
        "server.sh upgrade",
    ):
        assert said in refused.stdout
    upgraded = server.call("upgrade")
    assert upgraded.returncode == 0 and f"schema {before}+ -> {head}+" in upgraded.stdout, (
        upgraded.stdout
    )
    server.start()
    try:
        assert server.answers()
    finally:
        server.stop()


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"BACKEND_STORE": ""}, "a value for BACKEND_STORE"),
        ({"BACKEND_STORE": "sqlite:///mlflow.db"}, "several people at once need a database server"),
        (
            {"BACKEND_STORE": "postgresql://mlflow:secret@127.0.0.1/x"},
            "A password stands in BACKEND_STORE.",
        ),
        ({"BACKEND_STORE": "postgresql://mlflow@127.0.0.1:1/x"}, "The database does not answer."),
        ({"PGPASSFILE": "/nowhere"}, "no password supplied"),
        (
            {"BACKEND_STORE": "postgresql://127.0.0.1/x?user=mlflow&password=secret"},
            "A password stands in BACKEND_STORE.",
        ),
        ({"ARTIFACTS": "artifacts"}, "ARTIFACTS is no absolute path."),
        ({"SECRET_KEY": ""}, "openssl rand -hex 32"),
        ({"ADMIN_PASSWORD": ""}, "There is no administrator yet."),
    ],
)
def test_a_mistake_in_the_settings_is_told_before_anything_starts(
    database: Postgres, tmp_path: Path, settings: dict[str, str], told: str
) -> None:
    server = TrackingServer(tmp_path / "server", database.create(tmp_path.name), database.passwords)
    server.settings = settings
    done = server.call("start")
    assert done.returncode == 1 and told in done.stdout and "secret" not in done.stdout, done.stdout


def test_settings_that_others_can_read_are_refused_and_help_is_given(
    database: Postgres, tmp_path: Path
) -> None:
    server = TrackingServer(tmp_path / "server", database.address("mlflow"), database.passwords)
    environment = server.environment
    server.written().chmod(0o644)
    for arguments, status, told in (
        (["start"], 1, "can be read by others"),
        (["--help"], 0, "deploy/server.sh backup FOLDER"),
        (["backup"], 2, "deploy/server.sh restore FOLDER"),
    ):
        done = subprocess.run(
            [str(SCRIPT), *arguments], env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == status and told in done.stdout + done.stderr
    missing = {**environment, "COUNTERPOISE_SERVER_ENV": str(tmp_path / "none")}
    done = subprocess.run(
        [str(SCRIPT), "start"], env=missing, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1 and "copy the example" in done.stderr
