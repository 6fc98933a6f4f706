"""The configuration's models: validation, the commented sample and the documentation all come from here.

Every key is described. A validator's message never quotes the value it refuses: it may be a secret under the wrong key.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, PrivateAttr, SecretStr, ValidationInfo, model_validator

from scraper.settings import checks
from scraper.settings.base import FilePath, Origin, Seconds, Section, Texts, User, empty_if_null, lower
from scraper.settings.fleet import Encryption, Fleet
from scraper.settings.keeping import Retention
from scraper.settings.serving import Admin, Hooks, Limits, Notify, Ping, Schedule, Watch
from scraper.settings.sinks import Sink, check_names, check_ucms


class Store(Section):
    """Where the recordings go."""

    url: Annotated[str, AfterValidator(checks.store_url)] = Field(
        default="", description="A folder, or s3://bucket/prefix. Unless given: `recordings` in data_dir."
    )
    template: Annotated[str, AfterValidator(checks.template)] = Field(
        default="{ucm}/{month}/{name}", description="A recording's place in the store, of {ucm}, {month}, {name}, {year}, {class}."
    )
    format: Literal["wav", "flac", "opus"] = Field(
        default="wav", description="wav; flac (lossless, smaller); opus (about a sixth, and not what was recorded sample for sample)."
    )
    originals: Literal["auto", "always", "never"] = Field(
        default="auto",
        description="Keep the PBX's own bytes beside it: auto (where neither wav nor flac can give them back), always, never.",
    )
    shared: bool = Field(
        default=False,
        description="Several machines work with this folder: what can't be trusted lies there too. So it is in every fleet.",
    )
    min_free_mb: int = Field(default=200, ge=0, description="Stop storing while less is free, in MB.")
    endpoint_url: str | None = Field(default=None, description="S3 only: the service's address, where it isn't Amazon's.")
    region: str | None = Field(default=None, description="S3 only: the region.")
    access_key: SecretStr | None = Field(
        default=None, description="S3 only: the access key; unless given, what AWS's own tools would take (environment, profile, role)."
    )
    access_key_file: FilePath | None = Field(default=None, description="A file that holds it, instead.")
    secret_key: SecretStr | None = Field(default=None, description="S3 only: the secret that belongs to the access key.")
    secret_key_file: FilePath | None = Field(default=None, description="A file that holds it, instead.")
    path_style: bool | None = Field(
        default=None, description="S3 only: write the bucket into the path, not before the host's name; null: where endpoint_url is given."
    )

    @model_validator(mode="after")
    def _needs_both_keys(self, info: ValidationInfo) -> Self:
        if (self.access_key is None) != (self.secret_key is None) and checks.secrets_wanted(info):
            raise checks.problem("access_key and secret_key belong together; give both or none")
        return self


class CatalogSettings(Section):
    """The ledger of what was seen, stored and missed."""

    url: Annotated[str, AfterValidator(checks.catalog_url)] = Field(
        default="", description="sqlite:///PATH, or postgresql+psycopg://… Unless given: `catalog.db` in data_dir."
    )


class Browser(Section):
    """The Chromium that the web UI is worked with."""

    executable: Annotated[Path, AfterValidator(checks.program)] | None = Field(
        default=None, description="Its program; null: Playwright's own, else Chromium or Chrome on this system."
    )
    headless: bool = Field(default=True, description="Without a window.")
    timeout_seconds: Seconds = Field(default=30.0, description="How long a page may take for one step.")


class Log(Section):
    """What is written to stderr."""

    level: Annotated[Literal["trace", "debug", "info", "warning", "error"], BeforeValidator(lower)] = Field(
        default="info", description="trace, debug, info, warning or error."
    )
    format: Literal["human", "json"] = Field(default="human", description="human, or json: one object a line.")
    numbers: bool = Field(default=False, description="Show phone numbers; unless true they are masked.")


class Tls(Section):
    """How the PBX proves who it is. A pin alone is enough for a self-signed one."""

    verify: bool = Field(default=True, description="false trusts whoever answers: better set a pin.")
    ca_file: FilePath | None = Field(default=None, description="PEM file of the CA that signed the PBX's certificate.")
    pin: Annotated[str, AfterValidator(checks.pin)] | None = Field(
        default=None, description="The PBX's public key as curl writes it: sha256//<base64 of its SHA-256>."
    )
    legacy: bool = Field(default=False, description="Allow old ciphers and weak keys to the HTTP client (never to the browser).")


class Labels(Section):
    """Additional names of buttons and menu entries, where the PBX's web UI isn't in English."""

    cdr: Texts = Field(default=[], description="The sidebar's CDR.")
    recordings: Texts = Field(default=[], description="The sidebar's Recordings.")
    download_all: Texts = Field(default=[], description="Download All on the Recordings page.")
    download: Texts = Field(default=[], description="Download on the Recordings page, and in its modal.")
    filter: Texts = Field(default=[], description="Filter, where a page has a date filter.")
    display_filter: Texts = Field(default=[], description="Display Filter on the CDR page.")
    download_records: Texts = Field(default=[], description="Download All Records on the CDR page.")
    download_found: Texts = Field(default=[], description="Download Search Result(s) on the CDR page.")


class Web(User):
    """A PBX account for the web UI, with no more rights than CDR and recordings."""

    labels: Annotated[Labels, BeforeValidator(empty_if_null)] = Field(
        default=Labels(), description="Additional names of buttons and menu entries, where the web UI isn't in English; each a list."
    )
    allow_actions: Annotated[Texts, AfterValidator(checks.actions)] = Field(
        default=[], description="Further /cgi actions that the guard lets through; none that deletes, removes, resets or reboots."
    )
    keep_alive: Literal["auto", "always", "never"] = Field(
        default="auto",
        description="Read something every five minutes, so that the session lives: auto (after a CAPTCHA), always, never.",
    )
    pack_timeout_seconds: Seconds = Field(default=3600.0, description="How long the PBX may pack its recordings.")
    stall_timeout_seconds: Seconds = Field(default=120.0, description="How long a download may stand still.")


class Api(User):
    """A user of the PBX's HTTPS API; not a web user."""

    kind: Literal["auto", "https", "legacy", "off"] = Field(
        default="auto", description="auto, https (POST /api), legacy (GET /cdrapi and /recapi) or off."
    )
    url: Annotated[str, AfterValidator(checks.pbx_url)] | None = Field(default=None, description="Its address, where it differs from url.")

    @model_validator(mode="after")
    def _needs_password(self, info: ValidationInfo) -> Self:
        if self.password is None and self.kind != "off" and checks.secrets_wanted(info):
            raise checks.problem("password is missing; set password or password_file")
        return self


class Ucm(Section):
    """One PBX."""

    url: Annotated[str, AfterValidator(checks.pbx_url)] = Field(
        description="The web UI's address, such as https://pbx.example.com:8089 (CloudUCM: port 8443)."
    )
    timezone: Annotated[str, AfterValidator(checks.timezone)] = Field(
        default="UTC", description="The PBX's time zone: its call times carry none."
    )
    tls: Annotated[Tls, BeforeValidator(empty_if_null)] = Field(
        default=Tls(), description="How the PBX proves who it is; a pin alone is enough for a self-signed one."
    )
    web: Web | None = Field(default=None, description="A PBX account with no more rights than CDR and recordings.")
    api: Api | None = Field(default=None, description="A user of the HTTPS API, for what the web UI can't tell.")
    schedule: Schedule | None = Field(default=None, description="When its jobs start by themselves, where it differs from the others.")
    retention: Retention | None = Field(default=None, description="How long its recordings are kept, where it differs from the others.")

    @model_validator(mode="after")
    def _needs_a_way(self) -> Self:
        if self.web is None and (self.api is None or self.api.kind == "off"):
            raise checks.problem("needs credentials: `web`, or `api`")
        return self

    @model_validator(mode="after")
    def _needs_tls(self) -> Self:
        if self.tls.verify:
            for key, url in (("url", self.url), ("api.url", self.api.url if self.api else None)):
                if url and checks.is_plain(url):
                    raise checks.problem(
                        f"{key} is plain http, which shows the password to the network: write https (or tls.verify: false)"
                    )
        return self

    @property
    def zone(self) -> ZoneInfo:
        """The PBX's time zone."""
        return ZoneInfo(self.timezone)


class Settings(Section):
    """The whole configuration, valid, with absolute paths."""

    data_dir: FilePath = Field(
        default=Path("./data"), validate_default=True, description="Catalog, kept sessions, quarantine and working files."
    )
    store: Annotated[Store, BeforeValidator(empty_if_null)] = Field(default=Store(), description="Where the recordings go.")
    catalog: Annotated[CatalogSettings, BeforeValidator(empty_if_null)] = Field(
        default=CatalogSettings(), description="The ledger of what was seen, stored and missed."
    )
    encryption: Annotated[Encryption, BeforeValidator(empty_if_null)] = Field(
        default=Encryption(), description="What kept web sessions are sealed with; unless given, only their file's mode guards them."
    )
    fleet: Annotated[Fleet, BeforeValidator(empty_if_null)] = Field(
        default=Fleet(), description="Workers on any number of machines, over one PostgreSQL (`worker`)."
    )
    schedule: Annotated[Schedule, BeforeValidator(empty_if_null)] = Field(
        default=Schedule(), description="When jobs start by themselves (`serve`)."
    )
    retention: Annotated[Retention, BeforeValidator(empty_if_null)] = Field(
        default=Retention(), description="How long the archive keeps its own copies; nothing is ever deleted on the PBX."
    )
    limits: Annotated[Limits, BeforeValidator(empty_if_null)] = Field(
        default=Limits(), description="What the service may take of the machine, the network and the PBXs."
    )
    admin: Annotated[Admin, BeforeValidator(empty_if_null)] = Field(
        default=Admin(), description="The admin service: pages, JSON API, health and metrics (`serve`)."
    )
    hooks: Annotated[Hooks, BeforeValidator(empty_if_null)] = Field(
        default=Hooks(), description="The listener for the PBX's CDR Real-time Output: POST /hooks/cdr/UCM (`serve`)."
    )
    watch: Annotated[Watch, BeforeValidator(empty_if_null)] = Field(
        default=Watch(), description="When somebody should know that it no longer works (`serve`)."
    )
    notify: Annotated[Notify, BeforeValidator(empty_if_null)] = Field(
        default=Notify(), description="Who is told, through Apprise (`serve`)."
    )
    ping: Annotated[Ping, BeforeValidator(empty_if_null)] = Field(
        default=Ping(), description="A dead-man's switch: somebody who notices when the pings stop (`serve`)."
    )
    sinks: Annotated[dict[str, Sink], BeforeValidator(empty_if_null), AfterValidator(check_names)] = Field(
        default={},
        description="To whom each recording is handed over as it arrives, each under a name of your choice: a webhook, an SQL statement, a"
        " transcription service or a command, in the order in which they are to have it; docs/handover.md shows them.",
    )
    browser: Annotated[Browser, BeforeValidator(empty_if_null)] = Field(
        default=Browser(), description="The Chromium that the web UI is worked with."
    )
    log: Annotated[Log, BeforeValidator(empty_if_null)] = Field(default=Log(), description="What is written to stderr.")
    include: Texts = Field(
        default=["ucms.d/*.yaml", "ucms.d/*.yml"],
        description="Files with further UCMs, from this one's folder: each holds what would stand under ucms. Read at the start.",
    )
    ucms: Annotated[dict[str, Ucm], AfterValidator(checks.ucm_names)] = Field(description="The PBXs, each under a name of your choice.")

    _origins: dict[str, Origin] = PrivateAttr(default_factory=dict)

    @model_validator(mode="after")
    def _is_shared(self, info: ValidationInfo) -> Self:
        """What a fleet's machines must share, they can."""
        if self.fleet.name is None:
            return self
        if not self.catalog.url.startswith("postgresql"):
            raise checks.problem("fleet: needs a catalog on PostgreSQL; set catalog.url")
        if self.store.url == str(self.data_dir / "recordings"):
            raise checks.problem("fleet: needs a store that all machines reach: set store.url to s3://…, or to a folder that all mount")
        if not self.encryption.key and checks.secrets_wanted(info):
            raise checks.problem("fleet: needs encryption.key, for kept sessions go into the database; `ucm-scraper config key` makes one")
        return self

    @model_validator(mode="before")
    @classmethod
    def _derive_places(cls, raw: Any) -> Any:
        """The store and the catalog lie in data_dir unless they say otherwise."""
        if not isinstance(raw, Mapping) or not isinstance(raw.get("data_dir", ""), str | Path):
            return raw
        data_dir = Path(raw.get("data_dir", "./data"))
        places = {"store": str(data_dir / "recordings"), "catalog": f"sqlite:///{data_dir / 'catalog.db'}"}
        derived = dict(raw)
        for section, url in places.items():
            given = derived.get(section)
            if given is None or isinstance(given, Mapping):
                derived[section] = {"url": url, **(given or {})}
        fleet = raw.get("fleet")
        if isinstance(fleet, Mapping) and fleet.get("name") is not None and isinstance(derived["store"], Mapping):
            derived["store"] = {**derived["store"], "shared": True}
        return derived

    @model_validator(mode="after")
    def _sinks_are_of_ucms(self) -> Self:
        check_ucms(self.sinks, self.ucms)
        return self

    def origin_of(self, path: str) -> Origin:
        """Where the value at a dotted path (``ucms.head-office.web.username``) comes from."""
        while path:
            if path in self._origins:
                return self._origins[path]
            path = path.rpartition(".")[0]
        return "default"

    def warnings(self) -> Iterator[str]:
        """What is valid and yet likely to be regretted, by path."""
        if self.store.format == "opus" and self.store.originals != "always":
            yield (
                "store.format: opus loses samples, and what was recorded can't be had back from it; flac keeps all, or store.originals:"
                " always keeps the PBX's own bytes beside it"
            )
        if len(self.ucms) > 1 and "{ucm}" not in self.store.template:
            yield "store.template: without {ucm} all UCMs share folders, and a file that the catalog doesn't know may be anyone's"
        for name, ucm in self.ucms.items():
            if not ucm.tls.verify and not ucm.tls.pin:
                yield f"ucms.{name}.tls: verify is off, so that whoever answers is trusted; better set pin"
            if ucm.web and ucm.web.labels.download_all and not ucm.web.labels.download:
                yield (
                    f"ucms.{name}.web.labels: download_all is set, download is not; newer firmware asks for both in the UI's language"
                    " (the button of the packing dialog, and of ticked rows)"
                )

    def secrets(self) -> Iterator[str]:
        """Every secret in plain text, for the log to hide."""
        for ucm in self.ucms.values():
            for user in (ucm.web, ucm.api):
                if user and user.secret:
                    yield user.secret
        for secret in (self.admin.token, self.hooks.password, self.ping.url, *self.notify.urls, *self.encryption.key):
            if secret:
                yield secret.get_secret_value()
        for sink in self.sinks.values():
            yield from sink.secrets()
        for key in (self.store.access_key, self.store.secret_key):
            if key:
                yield key.get_secret_value()
        yield from checks.password_in_url(self.catalog.url)
