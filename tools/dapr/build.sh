#!/usr/bin/env bash
# Builds daprd from its Go module into $OFN_TOOLS/bin, with the components of components.txt alone; all of them would be a
# build four times as long. Refuses to clone a repository, and to build again what is built at this version with this list.
#   JOBS   packages compiled at once (default 1: the build is long and should disturb nobody)
HERE="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
. "$HERE/../go.sh"

DAPR_VERSION=v1.18.0

stamp="$DAPR_VERSION $(sha256sum < "$HERE/components.txt" | cut -c1-12)"
if [ "$(cat "$TOOLS/bin/daprd.version" 2>/dev/null)" = "$stamp" ] && [ -x "$TOOLS/bin/daprd" ]; then
  say "daprd $DAPR_VERSION is built already: $TOOLS/bin/daprd"
  exit 0
fi
ready_go 1.26

module=github.com/dapr/dapr
work="$TOOLS/modules/daprd"
say "building daprd $DAPR_VERSION; the first time this takes minutes"
mkdir -p "$TOOLS/bin" "$work"
cd "$work"
dir="$(go mod download -json "$module@$DAPR_VERSION" | sed -n 's/^.*"Dir": "\(.*\)",*$/\1/p')"

# Our main program has dapr's own start and the chosen registrations; all else comes from the module, which
# panics at start when its own list is left out, so that list's importer is the one file that must be ours.
rm -rf app components
mkdir app components
while read -r name; do
  sed '/^\/\/go:build/d' "$dir/cmd/daprd/components/$name.go" > "components/$name.go"
done < "$HERE/components.txt"
sed "s#\"$module/cmd/daprd/components\"#\"openfunction.local/daprd/components\"#" "$dir/cmd/daprd/app/app.go" > app/app.go
printf 'package main\n\nimport "openfunction.local/daprd/app"\n\nfunc main() { app.Run() }\n' > main.go
# Its replacements and checksums hold for us as well.
sed "s#^module .*#module openfunction.local/daprd\n\nrequire $module $DAPR_VERSION#" "$dir/go.mod" > go.mod
cp "$dir/go.sum" go.sum
chmod -R u+w .

info="$module/pkg/buildinfo.version=${DAPR_VERSION#v}"
go build -ldflags "-s -w -X $info -X github.com/dapr/kit/logger.DaprVersion=${DAPR_VERSION#v}" -o "$TOOLS/bin/daprd.new" .
mv "$TOOLS/bin/daprd.new" "$TOOLS/bin/daprd"
printf '%s' "$stamp" > "$TOOLS/bin/daprd.version"
say "built $TOOLS/bin/daprd"
