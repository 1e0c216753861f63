#!/usr/bin/env bash
# Runs the suite. `fast` leaves out what is slow, starts a whole platform or needs kube-apiserver; other words go to pytest.
set -euo pipefail
cd "$(dirname "$0")/.."
unset PYTHONDONTWRITEBYTECODE
case "${1:-}" in
  fast) shift; exec .venv/bin/python -m pytest -q -m "not slow and not e2e and not wire" -n 2 "$@" ;;
esac
exec .venv/bin/python -m pytest -q "$@"
