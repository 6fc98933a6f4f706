"""The command ``ucm-scraper``."""

from __future__ import annotations

from scraper.cli.app import cli


def main() -> None:
    """Run the command and end the process with its exit code."""
    cli(prog_name="ucm-scraper")


if __name__ == "__main__":
    main()
