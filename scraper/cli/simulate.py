"""The command ``simulate``: the simulated UCM by itself, for a rehearsal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from scraper.cli.context import Invocation, as_json, invocation
from scraper.cli.output import emit, emit_json
from scraper.errors import ConfigError

if TYPE_CHECKING:
    from scraper.simulator import Simulator


class _WithFaults(click.Command):
    """Adds the catalogue of faults to the help."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        from scraper.simulator import faults

        with formatter.section("Faults (NAME=VALUE; NAME=VALUE*N for the next N times only)"):
            formatter.write_dl(faults.table())
        super().format_epilog(ctx, formatter)


@click.command(cls=_WithFaults, epilog="Example: ucm-scraper simulate --recordings 100 --fault archive_cut=0.6 > config.yaml")
@click.option(
    "--port", metavar="N", type=click.IntRange(0, 65535), default=8089, show_default=True, help="Where it listens on this machine; 0: any."
)
@click.option("--recordings", metavar="N", type=click.IntRange(0), default=24, show_default=True, help="How many recordings it holds.")
@click.option("--fault", "faults", multiple=True, metavar="NAME=VALUE", help="One of the faults below, from the start; may be repeated.")
@as_json
@invocation
def simulate(_call: Invocation, port: int, recordings: int, faults: tuple[str, ...], as_json: bool) -> None:
    """Run a simulated UCM until it is stopped (Ctrl-C), to try things out without a PBX. It listens on 127.0.0.1 only.

    On stdout it prints a configuration that fits it: put that into a config.yaml, and in a second terminal let `ucm-scraper run` work on
    it.
    """
    from scraper.simulator import SimulatorConfig, run_forever
    from scraper.simulator.faults import parse

    for fault in faults:
        try:
            parse(fault)
        except ValueError as error:
            raise ConfigError(str(error), remedy="`ucm-scraper simulate --help` lists the faults.") from None
    chosen = {name: value for name, _, value in (fault.partition("=") for fault in faults)}
    config = SimulatorConfig(port=port, recordings=recordings, faults=chosen)
    try:
        run_forever(config, _tell_json if as_json else _tell)
    except OSError as error:
        raise ConfigError(
            f"127.0.0.1:{port} can't be used: {error.strerror}.", remedy="Choose another with --port, or 0 for any."
        ) from error


def _tell(simulator: Simulator) -> None:
    config = simulator.config
    emit(
        f"""# A simulated UCM serves at {simulator.url} until it is stopped.
data_dir: ./data
ucms:
  simulated:
    url: {simulator.url}
    timezone: {config.timezone}
    tls: {{pin: "{simulator.pin}"}}
    web: {{username: {config.web_user}, password: {config.web_password}}}
    api: {{username: {config.api_user}, password: {config.api_password}}}"""
    )


def _tell_json(simulator: Simulator) -> None:
    config = simulator.config
    emit_json(
        {
            "url": simulator.url,
            "pin": simulator.pin,
            "timezone": config.timezone,
            "web": {"username": config.web_user, "password": config.web_password},
            "api": {"username": config.api_user, "password": config.api_password},
        }
    )
