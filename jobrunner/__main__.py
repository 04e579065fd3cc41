"""`python -m jobrunner` is the command line."""

from __future__ import annotations

from jobrunner.cli import main

if __name__ == "__main__":
    main()
