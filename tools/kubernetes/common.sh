# What the scripts beside this file share: the pinned versions and where things lie.
# Refuses nothing itself; it is sourced, never run.
set -euo pipefail

KUBERNETES_VERSION=v1.35.4
ETCD_VERSION=v3.6.16

TOOLS="${OFN_TOOLS:-${XDG_CACHE_HOME:-$HOME/.cache}/openfunction/tools}"
BIN="$TOOLS/bin"

say() { printf '%s\n' "$*" >&2; }
