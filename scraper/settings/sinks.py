"""The configuration of sinks: to whom each recording is handed over as it arrives."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationInfo, model_validator

from scraper.handover.statement import ERASED_PARAMETERS, PARAMETERS, unknown_parameter
from scraper.settings import checks
from scraper.settings.base import FilePath, Seconds, Section, Texts, empty_if_null

Kind = Literal["webhook", "sql", "transcription", "command"]
_TELL_ERASED = "Tell it as well that a recording was erased, by its number and hash alone, and why."


def _secret(value: SecretStr, info: ValidationInfo) -> SecretStr:
    if len(value.get_secret_value()) < 16 and checks.secrets_wanted(info):
        raise checks.problem("is too short: at least 16 characters")
    return value


def _database(value: SecretStr, info: ValidationInfo) -> SecretStr:
    if checks.secrets_wanted(info) and not re.match(r"postgres(ql)?(\+psycopg)?://", value.get_secret_value()):
        raise checks.problem("must be a PostgreSQL address: postgresql://USER:PASSWORD@HOST/DATABASE")
    return value


def _service(value: str) -> str:
    parts = urlsplit(value.strip().rstrip("/"))
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
        raise checks.problem("must be a URL such as https://api.openai.com/v1, without user name or key")
    return value.strip().rstrip("/")


def _statement(value: str) -> str:
    return _with_known(value, PARAMETERS)


def _erased_statement(value: str) -> str:
    return _with_known(value, ERASED_PARAMETERS)


def _with_known(statement: str, parameters: tuple[str, ...]) -> str:
    if name := unknown_parameter(checks.not_empty(statement), parameters):
        raise checks.problem(f"has the parameter :{name}; known are {', '.join(f':{known}' for known in parameters)}")
    return statement


def _pointer(value: str) -> str:
    if not value.startswith("/"):
        raise checks.problem("must be a JSON pointer such as /ok")
    return value


class Remote(Section):
    """An HTTPS service."""

    ca_file: FilePath | None = Field(
        default=None, description="PEM file of the CA that signed its certificate, where it isn't a public one."
    )
    allow_http: bool = Field(default=False, description="Send over plain HTTP, where everybody on the way can read it.")

    def check_encrypted(self, url: SecretStr | str | None, info: ValidationInfo) -> None:
        """Refuse an address that shows call data to the network."""
        text = url.get_secret_value() if isinstance(url, SecretStr) else url or ""
        if text and checks.secrets_wanted(info) and checks.is_plain(text) and not self.allow_http:
            raise checks.problem("url is plain http, which shows who called whom to the network: write https (or allow_http: true)")


class Expect(Section):
    """What an answer must say, beyond its status."""

    content_type: str | None = Field(default=None, description="Its media type, such as application/json.")
    pointer: Annotated[str, AfterValidator(_pointer)] | None = Field(
        default=None, description="A JSON pointer into its body, such as /ok …"
    )
    value: bool | int | float | str | None = Field(
        default=None, description="… and what must stand there; null: anything but null and false."
    )


class Webhook(Remote):
    """A signed JSON document, sent by POST."""

    url: Annotated[SecretStr, AfterValidator(checks.secret_url)] | None = Field(default=None, description="Where to.")
    url_file: FilePath | None = Field(default=None, description="A file that holds it, instead.")
    secret: Annotated[SecretStr, AfterValidator(_secret)] | None = Field(
        default=None, description="What it is signed with (HMAC-SHA256), at least 16 characters."
    )
    secret_file: FilePath | None = Field(default=None, description="A file that holds it, instead.")
    expect: Annotated[Expect, BeforeValidator(empty_if_null)] = Field(
        default=Expect(), description="What the answer must say, beyond 2xx and being no web page."
    )
    tell_erased: bool = Field(default=False, description=_TELL_ERASED)

    @model_validator(mode="after")
    def _is_whole(self, info: ValidationInfo) -> Self:
        _needs(self, ("url", "secret"), info)
        self.check_encrypted(self.url, info)
        return self


class Sql(Section):
    """A statement on a PostgreSQL of your own."""

    url: Annotated[SecretStr, AfterValidator(_database)] | None = Field(
        default=None, description="postgresql://USER:PASSWORD@HOST/DATABASE"
    )
    url_file: FilePath | None = Field(default=None, description="A file that holds it, instead.")
    statement: Annotated[str, AfterValidator(_statement)] = Field(
        description="It runs once a delivery, in a transaction of its own; :name, :remote_path and the like are bound, never pasted in."
    )
    erased_statement: Annotated[str, AfterValidator(_erased_statement)] | None = Field(
        default=None,
        description="It runs where a recording was erased; :recording_id, :sha256, :why and the like are bound. null: nothing is told.",
    )
    expect_rows: int | None = Field(default=1, ge=0, description="The rows that it must at least concern; null: any number will do.")

    @model_validator(mode="after")
    def _is_whole(self, info: ValidationInfo) -> Self:
        _needs(self, ("url",), info)
        return self


class Summary(Section):
    """A summary of each transcript, over /chat/completions of the same service."""

    model: Annotated[str, AfterValidator(checks.not_empty)] = Field(description="The model's name.")
    prompt: str = Field(
        default="Summarise this telephone call in a few sentences, in its own language. Name what was agreed.",
        description="What it is asked.",
    )


class Transcription(Remote):
    """A speech-to-text service that speaks as OpenAI's does. Recordings leave this machine, and it may cost."""

    url: Annotated[str, AfterValidator(_service)] = Field(
        default="https://api.openai.com/v1", description="Its address, before /audio/transcriptions."
    )
    api_key: Annotated[SecretStr, AfterValidator(checks.not_empty_secret)] | None = Field(
        default=None, description="Its key, where it asks for one."
    )
    api_key_file: FilePath | None = Field(default=None, description="A file that holds it, instead.")
    model: Annotated[str, AfterValidator(checks.not_empty)] = Field(default="whisper-1", description="The model's name.")
    language: str | None = Field(default=None, description="ISO 639-1, such as en; null: it finds out.")
    min_seconds: float = Field(default=5.0, ge=0, description="Shorter recordings are left out.")
    daily_minutes: float | None = Field(
        default=600.0, gt=0, description="The most a day, in minutes of sound; the rest waits until tomorrow."
    )
    daily_count: int | None = Field(default=None, ge=1, description="The most a day, in recordings.")
    summary: Summary | None = Field(default=None, description="A summary as well.")

    @model_validator(mode="after")
    def _is_encrypted(self, info: ValidationInfo) -> Self:
        self.check_encrypted(self.url, info)
        return self


class Command(Section):
    """A program of your own."""

    argv: Texts = Field(
        description="The program and its arguments, without a shell; {path} stands for the recording, else that is the last one."
    )
    environment: Texts = Field(default=[], description="Variables that it gets, beside PATH, HOME, LANG and TZ.")
    tell_erased: bool = Field(default=False, description=_TELL_ERASED)

    @model_validator(mode="after")
    def _is_there(self) -> Self:
        if not self.argv or not self.argv[0].strip():
            raise checks.problem("argv names no program")
        return self


class Sink(Section):
    """Somebody to whom recordings are handed over: exactly one of webhook, sql, transcription, command."""

    webhook: Webhook | None = Field(default=None, description="A signed JSON document, sent by POST.")
    sql: Sql | None = Field(default=None, description="A statement on a PostgreSQL of your own.")
    transcription: Transcription | None = Field(
        default=None, description="A speech-to-text service that speaks as OpenAI's does; recordings leave this machine, and it may cost."
    )
    command: Command | None = Field(default=None, description="A program that gets the recording's path, and a JSON description on stdin.")
    ucms: Texts = Field(default=[], description="Only these UCMs' recordings; empty: all.")
    parallel: int = Field(default=4, ge=1, le=64, description="Deliveries at a time.")
    timeout_seconds: Annotated[Seconds, Field(le=86400)] | None = Field(
        default=None, description="How long one may take; unless given 30, for a command 300, for a transcription 600."
    )
    attempts: int = Field(default=20, ge=1, le=1000, description="After so many failures it is parked, until somebody retries it.")
    retry_seconds: Seconds = Field(default=10.0, description="From a failure to the next attempt; twice as long each time, up to an hour.")

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if sum(getattr(self, kind) is not None for kind in _KINDS) != 1:
            raise checks.problem(f"needs exactly one of {', '.join(_KINDS)}")
        return self

    @property
    def kind(self) -> Kind:
        """Which of them it is."""
        return next(kind for kind in _KINDS if getattr(self, kind) is not None)

    @property
    def tells_erased(self) -> bool:
        """Whether it is told as well that a recording was erased."""
        told = self.webhook or self.command
        return told.tell_erased if told else bool(self.sql and self.sql.erased_statement)

    @property
    def seconds(self) -> float:
        """How long one delivery may take."""
        return self.timeout_seconds or {"command": 300.0, "transcription": 600.0}.get(self.kind, 30.0)

    def secrets(self) -> Iterator[str]:
        """Its secrets in plain text."""
        for part in (self.webhook, self.sql, self.transcription):
            for value in vars(part).values() if part else ():
                if isinstance(value, SecretStr):
                    yield value.get_secret_value()
                    yield from checks.password_in_url(value.get_secret_value())


_KINDS: tuple[Kind, ...] = ("webhook", "sql", "transcription", "command")


def check_names(value: Mapping[str, Sink]) -> Mapping[str, Sink]:
    """Plain names, as those of UCMs are."""
    return checks.ucm_names(value) if value else value


def check_ucms(sinks: Mapping[str, Sink], known: Mapping[str, object]) -> None:
    """Refuse a sink of a UCM that the configuration doesn't have."""
    for name, sink in sinks.items():
        if strange := [ucm for ucm in sink.ucms if ucm not in known]:
            raise checks.problem(f"sinks.{name}.ucms names {strange[0]!r}, which is none of the UCMs")


def _needs(section: Section, keys: tuple[str, ...], info: ValidationInfo) -> None:
    missing = [key for key in keys if getattr(section, key) is None]
    if missing and checks.secrets_wanted(info):
        raise checks.problem(f"needs {missing[0]}, or {missing[0]}_file")
