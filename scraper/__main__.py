"""The command ``ucm-scraper``."""

from __future__ import annotations

from scraper import memory


def main() -> None:
    """Run the command and end the process with its exit code."""
    memory.for_a_command()
    from scraper.cli.app import cli  # only now, for what it imports is not looked through

    cli(prog_name="ucm-scraper")


if __name__ == "__main__":
    main()
