"""Commands on the configuration: ``check`` it, ``show`` what counts and why, ``init`` a commented starter, make a ``key``."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from scraper.cli.context import Invocation, as_json, invocation
from scraper.cli.output import emit, emit_json
from scraper.errors import ConfigError

if TYPE_CHECKING:
    from scraper.settings import Settings

_MASK = "***"


@click.group(epilog="Example: ucm-scraper config init && ucm-scraper config check")
def config() -> None:
    """Check, show or start the configuration."""


@config.command(short_help="Name every problem at once.", epilog="Example: ucm-scraper --config /etc/ucm-scraper/config.yaml config check")
@invocation
def check(call: Invocation) -> None:
    """Validate the configuration and name every problem at once. Exit code 2 where there is one.

    Nothing is connected to: whether address and password are right, `ucm-scraper doctor` tests.
    """
    settings = call.settings()
    _check_places(settings)
    emit(f"The configuration is valid. UCMs: {', '.join(settings.ucms)}.")
    for warning in settings.warnings():
        emit(f"warning: {warning}")


@config.command(short_help="Show every value that counts, and where it comes from.", epilog="Example: ucm-scraper config show")
@as_json
@invocation
def show(call: Invocation, as_json: bool) -> None:
    """Show every value that counts, and where it comes from: default, file, environment or flag. Secrets are masked."""
    settings = call.settings(secrets=False)
    leaves = list(_leaves(settings.model_dump(), ()))
    if as_json:
        emit_json({".".join(path): {"value": value, "origin": settings.origin_of(".".join(path))} for path, value in leaves})
    else:
        emit("\n".join(_tree(settings, leaves)))


@config.command(short_help="Write a commented starter.", epilog="Example: ucm-scraper config init config.yaml")
@click.argument("path", type=click.Path(path_type=Path), default="config.yaml")
def init(path: Path) -> None:
    """Write a commented starter to PATH (config.yaml unless given), readable by you alone. What exists is not overwritten."""
    from scraper.settings import sample

    try:
        with os.fdopen(
            os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8"
        ) as file:  # it may come to hold secrets
            file.write(sample())
    except FileExistsError:
        raise ConfigError(f"{path} exists already.", remedy="Name another file, or move it away.") from None
    except OSError as error:
        raise ConfigError(f"{path} can't be written: {error.strerror}.", remedy="Name a file in a folder that exists.") from error
    emit(f"Wrote {path}. Fill in url and web of your UCM, set the password it names, then run `ucm-scraper config check`.")


@config.command(short_help="Make a key for encryption.key.", epilog="Example: ucm-scraper config key > /etc/ucm-scraper/key")
def key() -> None:
    """Make a new key, which seals kept web sessions: put it into a file that encryption.key_file names, the same for all of a fleet.

    To change it, put the new key before the old one; take the old one out once each UCM has been signed in to again.
    """
    from scraper.sealed import new_key

    emit(new_key())


def _check_places(settings: Settings) -> None:
    """Ask store and catalog what a job would: whether they can serve these URLs."""
    from scraper.catalog.database import parse_url
    from scraper.store import check_place

    refused = []
    for check in (lambda: check_place(settings.store), lambda: parse_url(settings.catalog.url)):
        try:
            check()
        except ConfigError as error:
            refused.append(error.message)
    if refused:
        raise ConfigError("\n  ".join(refused))


def _leaves(value: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from _leaves(inner, (*path, str(key)))
    else:
        yield path, _shown(value, path)


def _shown(value: Any, path: tuple[str, ...]) -> Any:
    if isinstance(value, list):
        return [_MASK if hasattr(one, "get_secret_value") else one for one in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    if path[-1] == "password":
        return _MASK
    return re.sub(r"(?<=://)([^:@/]*):[^@]+@", rf"\1:{_MASK}@", str(value))


def _tree(settings: Settings, leaves: list[tuple[tuple[str, ...], Any]]) -> Iterator[str]:
    """Indented like the file, each value with its origin."""
    before: tuple[str, ...] = ()
    for path, value in leaves:
        shared = next((depth for depth, (old, new) in enumerate(zip(before, path, strict=False)) if old != new), len(path) - 1)
        for depth in range(shared, len(path) - 1):
            yield f"{'  ' * depth}{path[depth]}:"
        text = "null" if value is None else str(value).lower() if isinstance(value, bool) else f"{value}"
        yield f"{'  ' * (len(path) - 1)}{path[-1]}: {text}  ({settings.origin_of('.'.join(path))})"
        before = path
