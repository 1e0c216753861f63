#!/usr/bin/env bash
# Prints the Python that the project's environments are made of: $PYTHON where it is given; else python3, unless it is
# older than 3.12 and this machine has a 3.13 or 3.12 (by name or kept by pyenv), on which a function's instances need
# half the memory.
set -euo pipefail
[ -z "${PYTHON:-}" ] || { echo "$PYTHON"; exit; }
fits() { "$1" -c 'import ctypes, ensurepip, sqlite3, ssl, sys, venv; sys.exit(sys.version_info < (3, 12))' 2>/dev/null; }
pyenv="$(command -v pyenv || true)"
kept="${PYENV_ROOT:-${pyenv%/bin/pyenv}}"
for one in python3 python3.13 python3.12 "$kept"/versions/3.13.*/bin/python3 "$kept"/versions/3.12.*/bin/python3; do
  ! fits "$one" || { echo "$one"; exit; }
done
echo python3
