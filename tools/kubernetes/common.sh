# What the scripts beside this file share: the pinned versions, beside what every build from Go modules has.
# Refuses nothing itself; it is sourced, never run.
. "$(dirname "${BASH_SOURCE[0]}")/../go.sh"

KUBERNETES_VERSION=v1.35.4
ETCD_VERSION=v3.6.16
