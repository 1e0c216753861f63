#!/usr/bin/env bash
# Builds the lifecycle of Cloud Native Buildpacks and its launcher from their Go module into $OFN_TOOLS/lifecycle.
# One program is all the phases: it looks at the name it is started by, so each phase is a link to it.
# Refuses to clone a repository, and to build again what is already built at the pinned version.
#   JOBS   packages compiled at once (default 1: the build is long and should disturb nobody)
. "$(dirname "${BASH_SOURCE[0]}")/../go.sh"

VERSION=v0.21.0
MODULE=github.com/buildpacks/lifecycle
PLACE="$TOOLS/lifecycle"

if [ "$(cat "$PLACE/version" 2>/dev/null)" = "$VERSION" ] && [ -x "$PLACE/lifecycle" ] && [ -x "$PLACE/launcher" ]; then
  say "lifecycle $VERSION is built already: $PLACE"
  exit 0
fi
ready_go 1.25

say "building lifecycle $VERSION; the first time this takes about two minutes"
work="$TOOLS/modules/lifecycle"
mkdir -p "$work"
cd "$work"
dir="$(go mod download -json "$MODULE@$VERSION" | sed -n 's/^.*"Dir": "\(.*\)",*$/\1/p')"
# Its replacements and checksums hold for us as well.
sed "s#^module .*#module openfunction.local/lifecycle\n\nrequire $MODULE $VERSION#" "$dir/go.mod" > go.mod
install -m 644 "$dir/go.sum" go.sum

rm -rf "$PLACE.new"
mkdir "$PLACE.new"
go build -ldflags "-s -w -X $MODULE/cmd.Version=${VERSION#v}" -o "$PLACE.new/" "$MODULE/cmd/lifecycle" "$MODULE/cmd/launcher"
for phase in analyzer detector restorer builder exporter creator; do
  ln -s lifecycle "$PLACE.new/$phase"
done
printf '%s' "$VERSION" > "$PLACE.new/version"
rm -rf "$PLACE"
mv "$PLACE.new" "$PLACE"
say "built $PLACE"
