#!/usr/bin/env bash
# Builds h2spec, the published conformance tests of HTTP/2, from its Go module into $OFN_TOOLS/bin.
# Refuses to clone a repository, and to build again what is already built at the pinned version.
. "$(dirname "${BASH_SOURCE[0]}")/../go.sh"

VERSION=v2.2.1+incompatible
MODULE=github.com/summerwind/h2spec

ready_go 1.25
if [ "$(cat "$BIN/h2spec.version" 2>/dev/null)" = "$VERSION" ] && [ -x "$BIN/h2spec" ]; then
  say "h2spec $VERSION is built already: $BIN/h2spec"
  exit 0
fi

mkdir -p "$BIN" "$TOOLS/modules/h2spec"
cd "$TOOLS/modules/h2spec"
printf 'module openfunction.local/h2spec\n\ngo 1.25\n' > go.mod
go mod edit -require "$MODULE@$VERSION"
go build -ldflags "-s -w" -o "$BIN/h2spec.new" "$MODULE/cmd/h2spec"
mv "$BIN/h2spec.new" "$BIN/h2spec"
printf '%s' "$VERSION" > "$BIN/h2spec.version"
say "built $BIN/h2spec"
