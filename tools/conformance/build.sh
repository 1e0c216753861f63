#!/usr/bin/env bash
# Builds the original client of Google's functions-framework-conformance into $OFN_TOOLS/bin, where
# `make conformance` looks for it. Refuses to clone: the module proxy gives it, or a checkout does.
#   FF_CONFORMANCE_SOURCE   a checkout of that repository, or a git directory of it, for machines whose module
#                           proxy does not have the module; its dependencies still come through the proxy
#   JOBS                    packages compiled at once (default 1)
set -euo pipefail

MODULE=github.com/GoogleCloudPlatform/functions-framework-conformance
VERSION=v1.8.8
TOOLS="${OFN_TOOLS:-${XDG_CACHE_HOME:-$HOME/.cache}/openfunction/tools}"
CLIENT="$TOOLS/bin/functions-framework-client"
WORK="$TOOLS/modules/functions-framework-client"

say() { printf '%s\n' "$*" >&2; }

command -v go >/dev/null || { say "go is missing: install Go 1.25 or later"; exit 1; }
[ ! -x "$CLIENT" ] || { say "the client is built already: $CLIENT"; exit 0; }
export CGO_ENABLED=0 GOWORK=off GOTOOLCHAIN=local
export GOFLAGS="-buildvcs=false -trimpath -p=${JOBS:-1}"
mkdir -p "$TOOLS/bin" "$WORK"
cd "$WORK"

if [ -n "${FF_CONFORMANCE_SOURCE:-}" ]; then
  find . -mindepth 1 -delete
  if git -C "$FF_CONFORMANCE_SOURCE" rev-parse -q --verify "$VERSION^{commit}" >/dev/null 2>&1; then
    git -C "$FF_CONFORMANCE_SOURCE" archive "$VERSION" | tar x
  else
    cp -R "$FF_CONFORMANCE_SOURCE/." .
  fi
  say "building the client from the checkout; the first time this takes minutes"
  go build -o "$CLIENT.new" ./client
else
  printf 'module openfunction.local/conformance\n\ngo 1.25\n' > go.mod
  go mod edit -require "$MODULE@$VERSION"
  say "building the client of $MODULE $VERSION; the first time this takes minutes"
  GOFLAGS="$GOFLAGS -mod=mod" go build -o "$CLIENT.new" "$MODULE/client" || {
    say "the module proxy does not give $MODULE@$VERSION: set FF_CONFORMANCE_SOURCE to a checkout of it"
    exit 1
  }
fi
mv "$CLIENT.new" "$CLIENT"
say "built $CLIENT"
