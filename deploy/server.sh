#!/usr/bin/env bash
# A tracking server for a team: MLflow over PostgreSQL, artifacts handed out by the server, users with passwords.
#
#   deploy/server.sh start            run the server until it is stopped
#   deploy/server.sh backup FOLDER    the database and the artifacts, into a new folder, while the server runs
#   deploy/server.sh restore FOLDER   both from such a folder, into an empty database and an empty artifact folder
#   deploy/server.sh upgrade          the database to the schema of the MLflow that is installed; make a backup first
#   deploy/server.sh user NAME        add a user, or give one a new password, which is read from standard input
#
# Settings come from deploy/server.env, or from the file that COUNTERPOISE_SERVER_ENV names (see server.env.example).
# docs/team.md tells the rest.
set -euo pipefail
umask 077

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"

fail() { # what, expected, found, what to do
  printf '\nerror: %s\n  expected: %s\n  found:    %s\n  to do:    %s\n' "$1" "$2" "$3" "$4" >&2
  exit 1
}

settings() {
  local file="${COUNTERPOISE_SERVER_ENV:-$here/server.env}" given="${ADMIN_PASSWORD:-}"
  [ -f "$file" ] || fail "There are no settings." "a file like deploy/server.env.example" "no file $file" \
    "copy the example, or name yours in COUNTERPOISE_SERVER_ENV."
  file="$(realpath "$file")"
  if [ -n "$(find "$file" -maxdepth 0 -perm /077)" ]; then
    fail "The settings can be read by others." "a file for its owner alone" "$(stat -c %A "$file") $file" "chmod 600 $file"
  fi
  set -a
  # shellcheck disable=SC1090
  . "$file"
  set +a
  if [ -n "$given" ]; then ADMIN_PASSWORD="$given"; fi # what is said for this one command goes before
  : "${HOST:=127.0.0.1}" "${PORT:=5000}" "${WORKERS:=4}" "${ADMIN_USER:=admin}" "${TEAM_PERMISSION:=MANAGE}"
  : "${ALLOWED_HOSTS:=localhost,localhost:$PORT,127.0.0.1:$PORT}"
  local name
  for name in BACKEND_STORE ARTIFACTS; do
    [ -n "${!name:-}" ] || fail "A setting is missing." "a value for $name" "none in $file" "see deploy/server.env.example."
  done
  for name in ARTIFACTS PGPASSFILE TLS_CERTIFICATE TLS_KEY; do
    case "${!name:-/}" in
      /*) ;;
      *) fail "$name is no absolute path." "a path that begins with /" "${!name}" \
        "write the whole path: the server works in a folder of its own." ;;
    esac
  done
  case "$BACKEND_STORE" in
    postgresql://*:*@* | *[?\&]password=*) fail "A password stands in BACKEND_STORE." "postgresql://USER@HOST:PORT/DATABASE" "one with a password" \
      "put it into the file that PGPASSFILE names: processes show their arguments to everybody." ;;
    postgresql://*) ;;
    *) fail "BACKEND_STORE is no PostgreSQL database." "postgresql://USER@HOST:PORT/DATABASE" "${BACKEND_STORE%%:*}:..." \
      "several people at once need a database server." ;;
  esac
}

tools() {
  local name
  for name in "$@"; do
    command -v "$name" >/dev/null || fail "A program is missing." "$name on the PATH" "none" \
      "PostgreSQL's clients are in the package postgresql-client, mlflow in requirements-team.lock."
  done
}

# One value that the database answers; its own words where it cannot be reached.
asked() {
  local answer
  answer="$(psql --no-psqlrc --no-password -qtA -d "$BACKEND_STORE" -c "$1" 2>&1)" ||
    fail "The database does not answer." "$BACKEND_STORE" "$(printf '%s' "$answer" | tr '\n' ' ')" \
      "start it, or correct BACKEND_STORE and PGPASSFILE."
  printf '%s' "$answer"
}

tables() { asked "select count(*) from information_schema.tables where table_schema = current_schema()"; }

has() {
  local there
  there="$(asked "select to_regclass('$1') is not null")" || exit 1
  [ "$there" = t ]
}

# Which schemas MLflow here wants, and which the database has: of the runs, and of the users.
wanted_schema() {
  python -W ignore - <<'PY'
from pathlib import Path

import mlflow
from alembic.script import ScriptDirectory

root = Path(mlflow.__file__).parent
folders = root / "store" / "db_migrations", root / "server" / "auth" / "db" / "migrations"
print("+".join(ScriptDirectory(str(folder)).get_current_head() for folder in folders))
PY
}

found_schema() {
  local runs="" users=""
  if has alembic_version; then runs="$(asked "select version_num from alembic_version")" || exit 1; fi
  if has alembic_version_auth; then users="$(asked "select version_num from alembic_version_auth")" || exit 1; fi
  if [ -n "$runs$users" ]; then echo "$runs+$users"; fi
}

hold_schema() {
  local found wanted
  found="$(found_schema)"
  [ -n "$found" ] || return 0 # a fresh database: MLflow makes its tables
  wanted="$(wanted_schema)"
  [ "$found" = "$wanted" ] || [ "$found" = "${wanted%+*}+" ] || fail "The database was made by another version of MLflow." \
    "schema $wanted, of MLflow $(python -c 'from importlib.metadata import version as v; print(v("mlflow"))')" "schema $found" \
    "if an older MLflow made it: $0 backup FOLDER, then $0 upgrade. If a newer one did, install that."
}

start() {
  tools mlflow python
  hold_schema
  [ -n "${SECRET_KEY:-}" ] || fail "SECRET_KEY is not set." "a long random text" "none" "openssl rand -hex 32 makes one."
  if ! has users || [ "$(asked "select count(*) from users")" = 0 ]; then
    [ -n "${ADMIN_PASSWORD:-}" ] || fail "There is no administrator yet." "a value for ADMIN_PASSWORD, of 12 characters or more" \
      "none" "set it for the first start; later ones do without."
  else
    unset ADMIN_PASSWORD # it counts at the first start alone
  fi
  mkdir -p "$ARTIFACTS"
  local private
  private="$(mktemp -d)"
  # shellcheck disable=SC2064
  trap "rm -rf '$private'" EXIT
  cat >"$private/users.ini" <<INI
[mlflow]
default_permission = $TEAM_PERMISSION
database_uri = ${BACKEND_STORE//%/%%}
admin_username = $ADMIN_USER
authorization_function = mlflow.server.auth:authenticate_request_basic_auth
grant_default_workspace_access = false
auth_cache_ttl_seconds = 60
INI
  export MLFLOW_AUTH_CONFIG_PATH="$private/users.ini" MLFLOW_FLASK_SERVER_SECRET_KEY="$SECRET_KEY"
  if [ -n "${ADMIN_PASSWORD:-}" ]; then export MLFLOW_AUTH_ADMIN_PASSWORD="$ADMIN_PASSWORD"; fi
  export MLFLOW_BACKEND_STORE_URI="$BACKEND_STORE" MLFLOW_DISABLE_TELEMETRY=true DO_NOT_TRACK=true
  export MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false # nothing here runs jobs, and the runners take 0.5 GB
  unset ADMIN_PASSWORD SECRET_KEY
  local options="--timeout-graceful-shutdown 2" # a browser that keeps its connection open holds no stop up
  if [ -n "${TLS_CERTIFICATE:-}" ]; then options="$options --ssl-certfile $TLS_CERTIFICATE --ssl-keyfile ${TLS_KEY:?}"; fi
  cd "$private" # MLflow leaves files where it stands
  mlflow server --app-name basic-auth --host "$HOST" --port "$PORT" --workers "$WORKERS" \
    --artifacts-destination "$ARTIFACTS" --allowed-hosts "$ALLOWED_HOSTS" --uvicorn-opts "$options" &
  local server=$!
  trap 'kill "$server" 2>/dev/null || true' INT TERM
  wait "$server" || wait "$server" || return $? # a signal ends the first wait, the server's end the second
}

backup() {
  tools pg_dump tar sha256sum
  local folder="${1%/}"
  [ ! -e "$folder" ] || fail "The folder of the backup is there already." "a new folder" "$folder" "name another."
  [ "$(tables)" != 0 ] || fail "There is nothing to keep." "a database with tables" "an empty one" "start the server first."
  local part="$folder.part"
  rm -rf "$part"
  mkdir -p "$part" "$ARTIFACTS"
  # the database first: every run that it calls finished has its artifacts by then
  pg_dump --no-password --format=custom --no-owner --no-privileges --file="$part/database.dump" --dbname="$BACKEND_STORE"
  tar --create --file="$part/artifacts.tar" --directory="$ARTIFACTS" . || [ $? = 1 ] # 1: a file grew meanwhile
  (cd "$part" && sha256sum database.dump artifacts.tar >SHA256SUMS)
  mv "$part" "$folder"
  echo "kept in $folder: $(du -sh "$folder" | cut -f1); schema $(found_schema)"
}

restore() {
  tools pg_restore tar sha256sum
  local folder="${1%/}" part="$ARTIFACTS.part"
  [ -f "$folder/SHA256SUMS" ] || fail "This is no backup." "a folder that $0 backup made" "$folder" "name the right one."
  local told
  told="$(cd "$folder" && sha256sum --check --quiet SHA256SUMS 2>&1)" ||
    fail "The backup is damaged." "the sums in $folder/SHA256SUMS" "$told" "take another backup."
  [ "$(tables)" = 0 ] || fail "The database is not empty." "an empty database" "$(tables) tables" \
    "make a new one (createdb), and name it in BACKEND_STORE: nothing is overwritten."
  mkdir -p "$ARTIFACTS"
  [ -z "$(ls -A "$ARTIFACTS")" ] || fail "The artifact folder is not empty." "an empty folder" "$ARTIFACTS" \
    "name another in ARTIFACTS: nothing is overwritten."
  rm -rf "$part"
  mkdir "$part"
  tar --extract --file="$folder/artifacts.tar" --directory="$part"
  pg_restore --no-password --no-owner --no-privileges --exit-on-error --single-transaction --dbname="$BACKEND_STORE" \
    "$folder/database.dump"
  rmdir "$ARTIFACTS"
  mv "$part" "$ARTIFACTS"
  echo "restored from $folder: $(asked "select count(*) from runs") runs; schema $(found_schema)"
}

upgrade() {
  tools mlflow python
  local before
  before="$(found_schema)"
  [ -n "$before" ] || fail "There is nothing to upgrade." "a database that MLflow made" "an empty one" "start the server."
  mlflow db upgrade "$BACKEND_STORE"
  if has alembic_version_auth; then python -m mlflow.server.auth db upgrade --url "$BACKEND_STORE"; fi
  echo "schema $before -> $(found_schema)"
}

user() {
  tools curl python
  local name="$1" password="" answer admin="${ADMIN_PASSWORD:-}" scheme=http connect="$HOST"
  local known="${ALLOWED_HOSTS%%,*}" # as whom the server wants to be reached; the way to it is HOST
  [ -n "$admin" ] || fail "The administrator's password is not known." "a value for ADMIN_PASSWORD" "none" \
    "set it in the environment for this command."
  if [ "$HOST" = 0.0.0.0 ]; then connect=127.0.0.1; fi
  if [ -n "${TLS_CERTIFICATE:-}" ]; then scheme=https CURL_CA_BUNDLE="$TLS_CERTIFICATE" && export CURL_CA_BUNDLE; fi
  local address="$scheme://${known%%:*}:$PORT"
  if [ -t 0 ]; then IFS= read -rsp "password of $name: " password && echo; else IFS= read -r password || true; fi
  admin="${admin//\\/\\\\}"
  printf 'user = "%s:%s"\n' "$ADMIN_USER" "${admin//\"/\\\"}" >"${secret:=$(mktemp)}"
  # shellcheck disable=SC2064
  trap "rm -f '$secret'" EXIT
  ask() { # method and path; the body comes from standard input, so that no process shows a password
    curl --silent --show-error --noproxy '*' --config "$secret" --connect-to "::$connect:$PORT" --header "Host: $known" \
      --header 'Content-Type: application/json' --data @- \
      --write-out '\n%{http_code}' --request "$1" "$address/api/2.0/mlflow/users/$2" 2>&1 || true
  }
  body() { python -c 'import json, sys; print(json.dumps({"username": sys.argv[1], "password": sys.stdin.read()}))' "$name"; }
  answer="$(printf '%s' "$password" | body | ask POST create)"
  case "${answer##*$'\n'}:$answer" in
    200:*) echo "$name is a user now" ;;
    400:*RESOURCE_ALREADY_EXISTS*)
      answer="$(printf '%s' "$password" | body | ask PATCH update-password)"
      [ "${answer##*$'\n'}" = 200 ] ||
        fail "The password was not taken." "a password that MLflow takes" "${answer%$'\n'*}" "try another."
      echo "$name has a new password" ;;
    *)
      fail "The user was not added." "a server at $address that takes the password of $ADMIN_USER, and this one" \
        "${answer%$'\n'*}" "start the server, or correct the password."
      ;;
  esac
}

usage() { sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0"; }

case "${1:-}:$#" in
  start:1 | upgrade:1 | backup:2 | restore:2)
    settings
    tools psql
    asked "select 1" >/dev/null
    "$@"
    ;;
  user:2)
    settings
    "$@"
    ;;
  -h:1 | --help:1 | help:1) usage ;;
  *)
    usage >&2
    exit 2
    ;;
esac
