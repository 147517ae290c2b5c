#!/usr/bin/env bash
# What CI does for a team, one step a call, in a clone with its whole history: docs/team.md, section CI.
#
#   steps.sh pull                what the remote has; without a remote within reach CI goes on, and computes
#   steps.sh check               every mistake in params.yaml, before anything runs
#   steps.sh repro [TARGET...]   what changed and nothing else
#   steps.sh push                the results, with the run cache; nothing where nothing could be pulled
#   steps.sh comment BASE FILE   write into FILE, as Markdown, what differs from where this branch left BASE
set -euo pipefail
cd "$(git rev-parse --show-toplevel)"

reached=.dvc/tmp/ci-reached
log=.dvc/tmp/ci-repro.log
mkdir -p .dvc/tmp

step="${1:-}"
shift || true
case "$step" in
  pull)
    rm -f "$reached"
    if dvc pull --run-cache --allow-missing; then
      touch "$reached"
    else
      echo "::warning::the remote is out of reach; everything that changed is computed, and nothing is pushed"
    fi
    ;;
  check)
    python -m counterpoise check
    ;;
  repro)
    if [ -e "$reached" ]; then set -- --pull "$@"; fi
    dvc repro "$@" 2>&1 | tee "$log"
    ;;
  push)
    if [ -e "$reached" ]; then dvc push --run-cache; else echo "the remote is out of reach; nothing was pushed"; fi
    ;;
  comment)
    base="$(git rev-parse --short "$(git merge-base HEAD "$1")")"
    difference="$(dvc metrics diff --md --no-path "$base")"
    if [ "$(wc -l <<<"$difference")" -le 2 ]; then difference="No metric differs from \`$base\`."; fi
    ran="$(sed -n "s/^Running stage '\(.*\)':\$/\`\1\`/p" "$log" | paste -sd ' ')"
    {
      printf '### What this branch changes\n\n%s\n\n' "$difference"
      printf 'Run here: %s\n' "${ran:-nothing}"
      if [ -n "$(git status --porcelain -- dvc.lock reports)" ]; then
        printf '\n`dvc.lock` and `reports/` of this branch are not up to date. `dvc repro --pull` takes these results from the '
        printf 'cache; commit both.\n'
      fi
    } >"$2"
    ;;
  *)
    sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2
    exit 2
    ;;
esac
