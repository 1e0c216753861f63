#!/usr/bin/env bash
# Builds etcd and kube-apiserver where they are not built yet, then runs the wire suites on both API servers.
# `dapr` puts the same Components, functions and questions to a real daprd and to our sidecar instead.
# Other words are pytest's: `tools/wire.sh -k watch`. The tests that ran on each server are printed, and counted at the end.
set -euo pipefail
cd "$(dirname "$0")/.."
unset PYTHONDONTWRITEBYTECODE
if [ "${1:-}" = dapr ]; then
  shift
  JOBS="$(nproc)" tools/dapr/build.sh
  OFN_TEST_REQUIRE=all exec .venv/bin/python -m pytest -q tests/conformance/dapr "$@"
fi
tools/kubernetes/build.sh
OFN_TEST_REQUIRE=all exec .venv/bin/python -m pytest -m wire -v tests "$@"
