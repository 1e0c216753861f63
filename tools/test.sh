#!/usr/bin/env bash
# Runs the suite: what needs no whole platform on two processors at once, then the platforms one after the other.
# `fast` leaves out what is slow, starts a platform or needs kube-apiserver; other words go to pytest, in one run.
set -euo pipefail
cd "$(dirname "$0")/.."
unset PYTHONDONTWRITEBYTECODE
pytest() { .venv/bin/python -m pytest -q "$@"; }
case "${1:-}" in
  fast) shift; pytest -m "not slow and not e2e and not wire" -n 2 "$@" ;;
  "")
    failed=0
    pytest -m "not e2e" -n 2 || failed=1
    pytest -m e2e || failed=1
    exit "$failed"
    ;;
  *) pytest "$@" ;;
esac
