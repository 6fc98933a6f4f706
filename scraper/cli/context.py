"""What commands share: the options before their names, the configuration behind them, and the log; options that several have."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from scraper.errors import ConfigError
from scraper.models import Window

if TYPE_CHECKING:
    from scraper.catalog import Catalog
    from scraper.cli.display import Display
    from scraper.progress import Progress
    from scraper.settings import Settings

_LEVELS = {-2: "error", -1: "warning", 1: "debug", 2: "trace"}


@dataclass(slots=True)
class Invocation:
    """One call of the command; ``verbosity`` counts -v up and -q down."""

    config: Path | None = None
    verbosity: int = 0

    @property
    def level(self) -> str | None:
        """The log level that -v and -q ask for; None: the configuration's."""
        return _LEVELS.get(max(-2, min(2, self.verbosity)))

    def start_log(self) -> None:
        """Log with the defaults, for as long as no configuration is read."""
        from scraper import log

        log.setup(self.level or "info")

    def settings(self, *, secrets: bool = True) -> Settings:
        """The configuration; from here on the log follows it and hides its secrets. Raises :class:`ConfigError`.

        Commands that only read the archive do without ``secrets``: it is no problem then where one can't be had.
        """
        import os

        from scraper import log
        from scraper.settings import load

        settings = load(self.config, os.environ, {"log.level": self.level} if self.level else None, secrets=secrets)
        log.setup(settings.log.level, settings.log.format, numbers=settings.log.numbers)
        for secret in settings.secrets():
            log.hide(secret)
        return settings

    def options(self) -> list[str]:
        """The words before a command that mean the same call in another process."""
        flag = "--verbose" if self.verbosity > 0 else "--quiet"
        return [*(["--config", str(self.config.absolute())] if self.config else []), *([flag] * abs(self.verbosity))]

    def progress(self, settings: Settings | None = None) -> Progress:
        """What shows a job's progress: the live display on a terminal, lines in the log elsewhere, nothing with -q."""
        from scraper.log import logger
        from scraper.progress import NullProgress, PlainProgress, for_stderr

        if self.verbosity < 0 or (settings and settings.log.level in ("warning", "error")):
            return NullProgress()
        log_line = logger.bind(action="progress").info
        return PlainProgress(log_line) if settings and settings.log.format == "json" else for_stderr(log_line)

    def display(self, settings: Settings, jobs: int) -> Display:
        """What shows the progress of several jobs at once, likewise."""
        import sys

        from scraper.cli.display import Lines, Quiet, Table

        if self.verbosity < 0 or settings.log.level in ("warning", "error"):
            return Quiet()
        return Table(jobs) if settings.log.format != "json" and sys.stderr is not None and sys.stderr.isatty() else Lines()


invocation = click.make_pass_decorator(Invocation, ensure=True)


def chosen(settings: Settings, names: Sequence[str]) -> list[str]:
    """The UCMs asked for, in that order and each once; all where none was. Raises :class:`ConfigError` that names the known ones."""
    if unknown := [name for name in names if name not in settings.ucms]:
        known = ", ".join(settings.ucms)
        raise ConfigError(f"There is no UCM {unknown[0]!r} in the configuration.", remedy=f"Known are: {known}.")
    return list(dict.fromkeys(names)) or list(settings.ucms)


def catalog_file(settings: Settings) -> Path | None:
    """The catalog's file, None where it isn't one."""
    scheme, _, path = settings.catalog.url.partition(":///")
    return Path(path.partition("?")[0]) if scheme.startswith("sqlite") else None


def existing_catalog(settings: Settings) -> str:
    """The catalog's URL. Raises :class:`ConfigError` where it is a file that is not there."""
    file = catalog_file(settings)
    if file and not file.exists():
        raise ConfigError(
            f"There is no catalog yet at {file}.", remedy="Let a first job run (`ucm-scraper run`), or check data_dir and catalog.url."
        )
    return settings.catalog.url


def open_catalog(settings: Settings) -> Catalog:
    """The catalog, to read what earlier jobs wrote. Raises :class:`ConfigError` where there is none yet, and what opening it raises."""
    from scraper.catalog import Catalog

    return Catalog.open(existing_catalog(settings))


#: Options that several commands share.
ucm_names = click.option(
    "--ucm",
    "names",
    multiple=True,
    metavar="NAME",
    help="Only this UCM, by its name in the configuration; may be repeated. Unless given: all.",
)
as_json = click.option("--json", "as_json", is_flag=True, help="One JSON object a line on stdout, for programs.")


def ucm_name(which: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Option --ucm of a command that works on one; ``which``: the help's words for it."""
    return click.option("--ucm", "name", required=True, metavar="NAME", help=f"{which}, by its name in the configuration.")


class Day(click.ParamType[date]):
    """A day as ``YYYY-MM-DD``."""

    name = "date"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> date:
        """The day; a usage error for anything else."""
        try:
            return value if isinstance(value, date) else date.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value!r} is no day; write it as 2026-02-28.", param, ctx)


def windowed(command: Callable[..., None]) -> Callable[..., None]:
    """Options --since and --until, which the command gets as one ``window``; a usage error where that is empty."""

    @click.option("--since", type=Day(), metavar="DATE", help="Only calls that began on this day (YYYY-MM-DD) or later, PBX local.")
    @click.option("--until", type=Day(), metavar="DATE", help="Only calls that began before this day (YYYY-MM-DD), PBX local.")
    @wraps(command)
    def with_window(*args: Any, since: date | None, until: date | None, **others: Any) -> None:
        if since and until and since >= until:
            raise click.UsageError("--since must lie before --until, which is exclusive.")
        command(*args, window=Window(since, until), **others)

    return with_window
