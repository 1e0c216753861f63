#!/usr/bin/env bash
# Makes an environment with Google's published framework, which `make conformance` compares ours with.
# Refuses to touch this checkout's own environment: both packages have one import name.
set -euo pipefail
cd "$(dirname "$0")/../.."

VERSION=3.10.2
TOOLS="${OFN_TOOLS:-${XDG_CACHE_HOME:-$HOME/.cache}/openfunction/tools}"
PYTHON="$(.venv/bin/python -c 'import sys; print("py%d.%d" % sys.version_info[:2])')"
FOLDER="$TOOLS/functions-framework-$VERSION-$PYTHON"

[ ! -f "$FOLDER/.ready" ] || { printf '%s\n' "it is there already: $FOLDER" >&2; exit 0; }
rm -rf "$FOLDER"
.venv/bin/python -m venv "$FOLDER"
.venv/bin/uv pip install --quiet --python "$FOLDER/bin/python" "functions-framework==$VERSION"
touch "$FOLDER/.ready"
printf '%s\n' "made $FOLDER" >&2
