#!/usr/bin/env bash
# Installs the four distributions into a virtual environment of their own; the checkout may go away afterwards.
set -euo pipefail
cd "$(dirname "$0")/.."
prefix="${1:?where to install}"
PYTHON="$(tools/python.sh)"
wheels="$(mktemp -d)"
trap 'rm -rf "$wheels" builder/openfunction_builder/_data' EXIT
PYTHONPATH=builder .venv/bin/python -m openfunction_builder.package >/dev/null
for folder in . functions-framework builder eventing; do
  .venv/bin/uv build --quiet --wheel --no-build-isolation --python .venv/bin/python --out-dir "$wheels" "$folder"
done
[ -x "$prefix/bin/python" ] || "$PYTHON" -m venv "$prefix"
.venv/bin/uv pip install --quiet --python "$prefix/bin/python" --require-hashes -r <(.venv/bin/python tools/runtime_lock.py)
.venv/bin/uv pip install --quiet --python "$prefix/bin/python" --no-deps --reinstall "$wheels"/*.whl
echo "install: $prefix/bin/ofn $("$prefix/bin/ofn" version 2>/dev/null | head -1)"
