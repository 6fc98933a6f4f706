"""The configuration of what runs for years: the schedule, its limits, the admin service, the push listener, and who is told."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationInfo, model_validator

from scraper.settings import checks
from scraper.settings.base import FilePath, Seconds, Section, Texts, empty_if_null, nothing_is_empty, one_is_a_list


class Schedule(Section):
    """When jobs start by themselves."""

    cron: Annotated[str, AfterValidator(checks.cron)] = Field(
        default="*/30 * * * *", description="Minute, hour, day of month, month, day of week (0 and 7 are Sunday)."
    )
    every: Annotated[str, AfterValidator(checks.duration)] | None = Field(
        default=None, description="An interval such as 30m, 6h or 1d, instead of cron."
    )
    timezone: Annotated[str, AfterValidator(checks.timezone)] = Field(
        default="UTC", description="The zone in which cron and quiet hours are meant."
    )
    jitter_seconds: float | None = Field(
        default=None,
        ge=0,
        le=3600,
        description="Start up to so much later, at random; null: of many UCMs that are due together, each has its own time.",
    )


class Limits(Section):
    """What the service may take of the machine, the network and the PBXs."""

    jobs: int = Field(default=2, ge=1, le=100, description="UCMs that are worked on at the same time; in a fleet by each worker.")
    browsers: int | None = Field(
        default=None,
        ge=1,
        le=100,
        description="Browsers that run at the same time, in a fleet at each worker, some 300 MB each; null: as many as jobs, at most 8.",
    )
    quiet_hours: Annotated[Texts, AfterValidator(checks.quiet_hours)] = Field(
        default=[], description="When backfills rest, such as 08:00-18:00 or mon-fri 08:00-18:00."
    )
    bandwidth_mbit: float | None = Field(
        default=None,
        gt=0,
        allow_inf_nan=False,
        description="The most that all jobs together download, in a fleet those of each worker, in Mbit/s.",
    )
    job_hours: Seconds = Field(default=12.0, description="A job that takes longer is ended; the next one goes on where it was.")
    stop_seconds: Seconds = Field(default=60.0, description="How long a job may take to stop in order, before it is ended.")

    @property
    def browser_places(self) -> int:
        """Browsers that run at the same time."""
        return self.browsers or min(self.jobs, 8)


class ServerTls(Section):
    """The certificate that a listener shows."""

    self_made: bool = Field(default=False, description="Make one at the first start, under data_dir.")
    cert_file: FilePath | None = Field(default=None, description="PEM file of the certificate and its chain.")
    key_file: FilePath | None = Field(default=None, description="PEM file of its private key.")

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if (self.cert_file is None) != (self.key_file is None):
            raise checks.problem("needs both cert_file and key_file")
        if self.self_made and self.cert_file:
            raise checks.problem("is either self_made or cert_file and key_file")
        return self

    @property
    def is_set(self) -> bool:
        """Whether there is a certificate: given, or to be made."""
        return self.self_made or self.cert_file is not None


class Listener(Section):
    """An address to listen on. One that others can reach needs TLS, or a proxy in front that is declared."""

    listen: Annotated[str, AfterValidator(checks.listen)] | None = Field(default=None, description="HOST:PORT; null: off.")
    tls: Annotated[ServerTls, BeforeValidator(empty_if_null)] = Field(
        default=ServerTls(), description="Its certificate; without one it speaks plain HTTP, for loopback or behind a proxy."
    )
    trusted_proxy: Annotated[Texts, AfterValidator(checks.networks)] = Field(
        default=[], description="Addresses or networks of the proxy in front, which does TLS and says who asks."
    )

    @model_validator(mode="after")
    def _is_private(self) -> Self:
        if self.listen and not checks.is_loopback(self.listen) and not self.tls.is_set and not self.trusted_proxy:
            raise checks.problem("listens where others can reach it: set tls (such as tls: {self_made: true}), or trusted_proxy")
        return self


class Admin(Listener):
    """The admin service: pages, JSON API, health and metrics."""

    listen: Annotated[str, AfterValidator(checks.listen)] | None = Field(default="127.0.0.1:8080", description="HOST:PORT; null: off.")
    token: Annotated[SecretStr, AfterValidator(checks.token)] | None = Field(
        default=None, description="What signs in, at least 16 characters. Unless given, one is made at the first start, under data_dir."
    )
    token_file: FilePath | None = Field(default=None, description="A file that holds the token, instead.")


class Hooks(Listener):
    """The listener for the PBX's CDR Real-time Output (API Configuration there): POST /hooks/cdr/UCM."""

    username: Annotated[str, AfterValidator(checks.not_empty)] | None = Field(default=None, description="What the PBX signs in with.")
    password: Annotated[SecretStr, AfterValidator(checks.not_empty_secret)] | None = Field(default=None, description="Its password.")
    password_file: FilePath | None = Field(default=None, description="A file that holds the password, instead.")

    @model_validator(mode="after")
    def _asks_who_knocks(self, info: ValidationInfo) -> Self:
        if self.listen and checks.secrets_wanted(info) and not (self.username and self.password):
            raise checks.problem("needs username and password (or password_file), as set on the PBX")
        return self


class Notify(Section):
    """Who is told, through Apprise (mail, chat, push: https://github.com/caronc/apprise)."""

    urls: Annotated[list[SecretStr], BeforeValidator(one_is_a_list), BeforeValidator(nothing_is_empty)] = Field(
        default=[], description="Where to, as Apprise writes it, such as mailto://… or slack://…; they hold secrets."
    )
    urls_file: FilePath | None = Field(default=None, description="A file that holds them, one a line, instead.")


class Ping(Section):
    """A dead-man's switch: somebody who notices when the pings stop (healthchecks.io and its kind)."""

    url: Annotated[SecretStr, AfterValidator(checks.secret_url)] | None = Field(
        default=None, description="Asked after each good run; with /start before it, and /fail after a failed one."
    )
    url_file: FilePath | None = Field(default=None, description="A file that holds it, instead.")
    timeout_seconds: Seconds = Field(default=10.0, description="How long an answer may take.")


class Watch(Section):
    """When somebody should know."""

    stale_hours: Seconds = Field(default=26.0, description="A UCM without a good run for so long is unhealthy.")
    failed_runs: int = Field(default=3, ge=1, description="Tell after so many failed runs in a row.")
    vanish_days: float = Field(
        default=2, ge=0, description="Tell when a recording that isn't archived will vanish from the PBX within so many days."
    )
