#!/usr/bin/env bash
# Resolves the dependencies of the four distributions and the development tools to one lock with hashes.
set -euo pipefail
cd "$(dirname "$0")/.."
own=(); for name in openfunction-py openfunction-functions-framework openfunction-builder openfunction-eventing; do own+=(--no-emit-package "$name"); done
.venv/bin/uv pip compile --quiet --universal --generate-hashes --no-annotate --no-header --group dev --python-version 3.11 \
  pyproject.toml functions-framework/pyproject.toml builder/pyproject.toml eventing/pyproject.toml "${own[@]}" "$@" -o requirements.lock
echo "lock: $(grep -c '^[a-z0-9].*==' requirements.lock) packages"
