#!/usr/bin/env bash
# Builds etcd and kube-apiserver from their Go modules into $OFN_TOOLS/bin, through the machine's own module proxy settings.
# Refuses to clone a repository, and to build again what is already built at the pinned version.
#   JOBS   packages compiled at once (default 1: the build is long and should disturb nobody)
. "$(dirname "${BASH_SOURCE[0]}")/../go.sh"
KUBERNETES_VERSION=v1.35.4
ETCD_VERSION=v3.6.16

ready_go 1.25

# A release pins its sibling modules by paths inside its repository; a dependent module
# must name the same siblings by version, as these directives are not inherited.
# The sibling modules of Kubernetes count v0 where the release counts v1; a module at v2 or
# later has its major version in its path, so one without cannot be meant.
pin_siblings() { # MODULE SIBLING-VERSION
  local file
  file="$(go mod download -json "$1" | sed -n 's/^.*"GoMod": "\(.*\)",*$/\1/p')"
  sed -n 's#^[[:space:]]*\(replace \)\{0,1\}\([^ ]*\) => \.\{1,2\}/.*$#\2#p' "$file" | while read -r sibling; do
    case "$2" in v[01].*) ;; *) [[ "$sibling" == */"${2%%.*}" ]] || continue ;; esac
    [ "$sibling" = "${1%@*}" ] || go mod edit -replace "$sibling=$sibling@$2"
  done
}

build() { # BINARY PACKAGE MODULE VERSION SIBLING-VERSION LINKER-FLAGS
  if [ "$(cat "$BIN/$1.version" 2>/dev/null)" = "$4" ] && [ -x "$BIN/$1" ]; then
    say "$1 $4 is built already: $BIN/$1"
    return
  fi
  say "building $1 $4; the first time this takes long"
  mkdir -p "$BIN" "$TOOLS/modules/$1"
  cd "$TOOLS/modules/$1"
  printf 'module openfunction.local/%s\n\ngo 1.25\n' "$1" > go.mod
  go mod edit -require "$3@$4"
  pin_siblings "$3@$4" "$5"
  go build -ldflags "-s -w $6" -o "$BIN/$1.new" "$2"
  mv "$BIN/$1.new" "$BIN/$1"
  printf '%s' "$4" > "$BIN/$1.version"
  say "built $BIN/$1"
}

info=k8s.io/component-base/version
build etcd go.etcd.io/etcd/server/v3 go.etcd.io/etcd/server/v3 "$ETCD_VERSION" "$ETCD_VERSION" ""
build kube-apiserver k8s.io/kubernetes/cmd/kube-apiserver k8s.io/kubernetes "$KUBERNETES_VERSION" "v0.${KUBERNETES_VERSION#v1.}" \
  "-X $info.gitVersion=$KUBERNETES_VERSION -X $info.gitMajor=1 -X $info.gitMinor=$(cut -d. -f2 <<<"$KUBERNETES_VERSION") -X $info.gitTreeState=clean"
