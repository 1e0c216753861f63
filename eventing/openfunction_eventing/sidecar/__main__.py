"""`python -m openfunction_eventing.sidecar`: the Dapr API beside one app, with the flags of daprd."""

from __future__ import annotations

import sys

from openfunction_eventing.sidecar import program

if __name__ == "__main__":
    sys.exit(program.main(sys.argv[1:]))
