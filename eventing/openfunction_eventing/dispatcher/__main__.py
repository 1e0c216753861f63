"""`python -m openfunction_eventing.dispatcher --config FOLDER`."""

from __future__ import annotations

import sys

from openfunction_eventing import program
from openfunction_eventing.dispatcher import serving

if __name__ == "__main__":
    sys.exit(program.main("dispatcher", serving.serve))
