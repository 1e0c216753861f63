# What the scripts share that build programs from Go modules: where things lie, and how Go is told to build.
# Refuses nothing itself; it is sourced, never run.
set -euo pipefail

TOOLS="${OFN_TOOLS:-${XDG_CACHE_HOME:-$HOME/.cache}/openfunction/tools}"
BIN="$TOOLS/bin"

say() { printf '%s\n' "$*" >&2; }

ready_go() { # OLDEST-VERSION; JOBS packages are compiled at once
  command -v go >/dev/null || { say "go is missing: install Go $1 or later (https://go.dev/dl, or the package golang-go)"; exit 1; }
  export CGO_ENABLED=0 GOWORK=off GOTOOLCHAIN=local
  export GOFLAGS="-mod=mod -buildvcs=false -trimpath -p=${JOBS:-1}"
  GOPROXY="$(go env GOPROXY)"
  export GOPROXY="${GOPROXY%[,|]direct}"
}
