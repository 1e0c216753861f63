"""`python -m openfunction_eventing.source --config FOLDER`: the sources of a folder, until told to stop."""

from __future__ import annotations

import sys

from openfunction_eventing import program
from openfunction_eventing.sources import serving

if __name__ == "__main__":
    sys.exit(program.main("source", serving.serve))
