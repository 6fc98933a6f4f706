"""The command ``ucm-scraper``."""

from __future__ import annotations

import atexit
import gc


def main() -> None:
    """Run the command and end the process with its exit code."""
    # What is imported stays: looking through it for garbage again and again, and once more at the end, costs each command 100 ms.
    gc.set_threshold(200_000)
    atexit.register(gc.freeze)
    from scraper.cli.app import cli  # only now, for the same reason

    cli(prog_name="ucm-scraper")


if __name__ == "__main__":
    main()
