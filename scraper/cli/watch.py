"""Commands for those who watch: healthcheck, which the container runs, and notify, which tries whom the service would tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from scraper.cli.context import Invocation, invocation, open_catalog
from scraper.cli.output import emit
from scraper.errors import ConfigError, ExitCode

if TYPE_CHECKING:
    from scraper.settings import Settings

_TIMEOUT_SECONDS = 10.0


@click.command(short_help="Whether the running service is well.", epilog="Example: ucm-scraper healthcheck || echo look at it")
@invocation
def healthcheck(call: Invocation) -> None:
    """Ask the running service for /healthz. Exit code 0: well; 1: it does not answer, or a UCM is stale.

    Where the admin service is off (admin.listen: null, or jobs without `serve`), the catalog is looked at instead.
    """
    settings = call.settings(secrets=False)
    problem = _ask_service(settings) if settings.admin.listen else _ask_catalog(settings)
    emit(problem or "healthy")
    raise click.exceptions.Exit(1 if problem else 0)


def _ask_service(settings: Settings) -> str | None:
    """What is wrong, by the service's own answer."""
    import http.client
    import ssl

    from scraper.settings.checks import address_of

    assert settings.admin.listen is not None
    host, port = address_of(settings.admin.listen)
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 -- compared, not bound
    # Nothing secret is sent, and nobody but this machine answers: its certificate needs no proof.
    connection = (
        http.client.HTTPSConnection(host, port, timeout=_TIMEOUT_SECONDS, context=ssl._create_unverified_context())  # noqa: S323 -- as above
        if settings.admin.tls.is_set
        else http.client.HTTPConnection(host, port, timeout=_TIMEOUT_SECONDS)
    )
    try:
        connection.request("GET", "/healthz")
        answer = connection.getresponse()
        text = answer.read(1000).decode("utf-8", "replace").strip()
    except (OSError, http.client.HTTPException) as error:
        return f"the service does not answer ({type(error).__name__})"
    finally:
        connection.close()
    return None if answer.status == 200 else f"{answer.status}: {text}"


def _ask_catalog(settings: Settings) -> str | None:
    """What is wrong, by what the jobs left behind."""
    from scraper.service.health import Health

    with open_catalog(settings) as catalog:
        stale = Health(catalog, settings).stale()
    return f"stale: {', '.join(stale)}" if stale else None


@click.command(short_help="Send a test message to notify.urls.", epilog="Example: ucm-scraper notify")
@invocation
def notify(call: Invocation) -> None:
    """Send a test message to every target of notify.urls. Exit code 0: it reached all; 1: not all."""
    settings = call.settings()
    from scraper.service.messages import a_test
    from scraper.service.notify import Notifier

    notifier = Notifier(settings.notify)
    if not notifier.is_configured:
        raise ConfigError("notify.urls is empty: there is nobody to tell.", remedy="Set it, such as notify: {urls: [mailto://…]}.")
    notifier.tell(a_test(settings))
    emit(f"sent to {notifier.counts.sent} of {notifier.counts.sent + notifier.counts.failed} targets")
    raise click.exceptions.Exit(int(ExitCode.INTERNAL) if notifier.counts.failed else 0)
