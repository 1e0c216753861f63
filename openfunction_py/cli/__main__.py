"""`python -m openfunction_py.cli` is ofn."""

from openfunction_py.cli import main

if __name__ == "__main__":
    main.main()
