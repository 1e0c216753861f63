#!/usr/bin/env bash
# Makes .venv from requirements.lock and installs the four distributions editable.
set -euo pipefail
cd "$(dirname "$0")/.."
PYTHON="$(tools/python.sh)"
missing() { echo "setup: $1 is missing; install it with: $2" >&2; exit 1; }
command -v "$PYTHON" >/dev/null || missing "$PYTHON" "apt-get install python3 python3-venv"
"$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
  missing "Python 3.11 or newer ($("$PYTHON" --version 2>&1) found)" "your system's package manager, then: make setup PYTHON=python3.12"
"$PYTHON" -c 'import venv, ensurepip' 2>/dev/null || missing "the venv module" "apt-get install python3-venv"
command -v git >/dev/null || missing git "apt-get install git"
started=$SECONDS
[ -x .venv/bin/python ] || "$PYTHON" -m venv .venv
uv_pin="$(sed -n 's/^uv==\([0-9.]*\).*/uv==\1/p' requirements.lock)"
.venv/bin/pip install --quiet --disable-pip-version-check "$uv_pin" ||
  { echo "setup: pip could not fetch $uv_pin; check the network or the proxy settings and run the command again" >&2; exit 1; }
UV="env -u UV_PROJECT_ENVIRONMENT .venv/bin/uv pip"
$UV install --quiet --python .venv/bin/python --require-hashes -r requirements.lock
$UV install --quiet --python .venv/bin/python --no-deps --no-build-isolation \
  -e . -e functions-framework -e builder -e eventing
.venv/bin/python -m compileall -q openfunction_py functions-framework builder eventing || true
touch .venv/.ready
echo "setup: .venv ready in $((SECONDS - started)) s" >&2
