"""Settings: where each value comes from, and every problem at once, by path, never with a value."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from scraper import settings as settings_package
from scraper.errors import ConfigError
from scraper.settings import Settings, load, sample

SECRET = "hunter2-never-shown"
MINIMAL = """
ucms:
  head-office:
    url: https://pbx.example.com:8089
    web: {username: backup, password: %s}
"""


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No config.yaml and no .env of the project's own folder."""
    folder = tmp_path / "cwd"
    folder.mkdir()
    monkeypatch.chdir(folder)


def written(tmp_path: Path, text: str, name: str = "config.yaml") -> Path:
    path = tmp_path / "etc" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path


def loaded(tmp_path: Path, text: str, **environ: str) -> Settings:
    return load(written(tmp_path, text), environ)


def problems(tmp_path: Path, text: str, **environ: str) -> str:
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, text, **environ)
    assert SECRET not in str(caught.value) + caught.value.remedy
    return str(caught.value)


def with_ucm(**changes: Any) -> str:
    ucm = {"url": "https://pbx.example.com", "web": {"username": "backup", "password": SECRET}}
    return yaml.safe_dump({"ucms": {"a": ucm | changes}})


# --- the starter -------------------------------------------------------------


def test_the_starter_is_the_projects_config_yaml() -> None:
    assert (Path(__file__).parents[3] / "config.yaml").read_text() == sample()


def test_the_starter_loads_once_its_passwords_are_set(tmp_path: Path) -> None:
    settings = loaded(tmp_path, sample(), UCM_WEB_PASSWORD="w")
    ucm = settings.ucms["head-office"]
    assert ucm.web and ucm.web.secret == "w" and ucm.api is None
    assert ucm.zone.key == "America/Chicago"


def test_the_starter_with_every_key_uncommented_is_valid_and_means_the_defaults(tmp_path: Path) -> None:
    lines = [line.replace("# ", "", 1) if _is_commented_key(line) else line for line in sample().splitlines()]
    text = "\n".join(lines)
    assert {"browser", "log"} <= yaml.safe_load(text).keys()
    everything = loaded(tmp_path, text, UCM_WEB_PASSWORD="w", UCM_API_PASSWORD="a").model_dump()
    api = everything["ucms"]["head-office"].pop("api")
    assert (api["username"], api["kind"]) == ("cdrapi", "auto")
    assert everything["ucms"]["head-office"].pop("schedule") == everything["schedule"]
    defaults = loaded(tmp_path, sample(), UCM_WEB_PASSWORD="w").model_dump()
    assert defaults["ucms"]["head-office"].pop("schedule") is None
    assert defaults["ucms"]["head-office"].pop("api") is None and everything == defaults


def _is_commented_key(line: str) -> bool:
    """Whether a line of the starter is a key, or within a section, that is commented out."""
    bare = line.lstrip().removeprefix("# ").lstrip()
    models = (
        Settings,
        settings_package.Limits,
        settings_package.Admin,
        settings_package.Hooks,
        settings_package.ServerTls,
        settings_package.Schedule,
        settings_package.Watch,
        settings_package.Notify,
        settings_package.Ping,
        settings_package.Store,
        settings_package.Browser,
        settings_package.Log,
        settings_package.Labels,
        settings_package.Web,
        settings_package.Ucm,
    )
    known = {name for model in models for name in model.model_fields}
    return line.lstrip().startswith("# ") and (bare.startswith("# ") or (bare.split(":")[0] in known and ":" in bare))


def test_the_starter_describes_every_key() -> None:
    keys = {
        "data_dir",
        "min_free_mb",
        "cron",
        "executable",
        "level",
        "pin",
        "legacy",
        "allow_actions",
        "stall_timeout_seconds",
        "password_file",
    }
    lines = [line.strip().lstrip("# ") for line in sample().splitlines()]
    for key in keys:
        at = next(index for index, line in enumerate(lines) if line.startswith(f"{key}:"))
        assert lines[at - 1] and ":" not in lines[at - 1][:5], key


# --- layers and origins ------------------------------------------------------


def test_each_layer_overrides_the_one_below(tmp_path: Path) -> None:
    path = written(tmp_path, MINIMAL % SECRET + "log: {level: warning, format: json}\nschedule: {cron: '0 * * * *'}\n")
    settings = load(path, {"UCM_SCRAPER__LOG__LEVEL": "error", "UCM_SCRAPER__LOG__FORMAT": "human"}, {"log.level": "debug"})
    assert (settings.log.level, settings.log.format, settings.schedule.cron) == ("debug", "human", "0 * * * *")
    origins = [settings.origin_of(path) for path in ("log.level", "log.format", "schedule.cron", "browser.headless")]
    assert origins == ["flag", "environment", "file", "default"]


@pytest.mark.parametrize("name", ["UCM_SCRAPER__UCMS__HEAD_OFFICE__TIMEZONE", "ucm_scraper__ucms__head-office__timezone"])
def test_a_variable_finds_its_key_whatever_case_and_dash(tmp_path: Path, name: str) -> None:
    settings = loaded(tmp_path, MINIMAL % SECRET, **{name: "Europe/Berlin"})
    assert settings.ucms["head-office"].timezone == "Europe/Berlin"
    assert settings.origin_of("ucms.head-office.timezone") == "environment"


def test_a_variable_that_fits_two_ucms_is_refused(tmp_path: Path) -> None:
    text = "ucms:\n" + "".join(f"  {name}: {{url: 'https://a', web: {{username: u}}}}\n" for name in ("a-b", "a_b"))
    assert "fits a-b and a_b alike" in problems(tmp_path, text, UCM_SCRAPER__UCMS__A_B__TIMEZONE="UTC")


def test_a_variable_that_looks_like_yaml_is_yaml_only_where_a_list_or_section_is_wanted(tmp_path: Path) -> None:
    settings = loaded(
        tmp_path,
        MINIMAL % SECRET,
        UCM_SCRAPER__UCMS__HEAD_OFFICE__WEB__PASSWORD="[not a list",
        UCM_SCRAPER__UCMS__HEAD_OFFICE__WEB__ALLOW_ACTIONS="[listFoo, getBar]",
        UCM_SCRAPER__LOG="{level: debug}",
    )
    web = settings.ucms["head-office"].web
    assert web and web.secret == "[not a list" and web.allow_actions == ["listFoo", "getBar"]
    assert settings.log.level == "debug"


def test_an_empty_variable_counts_as_none(tmp_path: Path) -> None:
    assert loaded(tmp_path, MINIMAL % SECRET, UCM_SCRAPER__LOG__LEVEL="").log.level == "info"


def test_a_section_without_keys_means_the_defaults(tmp_path: Path) -> None:
    settings = loaded(tmp_path, MINIMAL % SECRET + "store:\nlog:\n")
    assert settings.log.level == "info" and settings.store.url == str(tmp_path / "etc/data/recordings")


# --- paths -------------------------------------------------------------------


def test_relative_paths_start_at_the_file(tmp_path: Path) -> None:
    text = MINIMAL % SECRET + "data_dir: d\nstore: {url: ../s}\ncatalog: {url: 'sqlite:///c.db'}\n"
    settings = loaded(tmp_path, text, UCM_SCRAPER__UCMS__HEAD_OFFICE__TLS__CA_FILE="ca.pem")
    base = tmp_path / "etc"
    assert settings.data_dir == base / "d"
    assert Path(settings.store.url).resolve() == tmp_path / "s"
    assert settings.catalog.url == f"sqlite:///{base}/c.db"
    assert settings.ucms["head-office"].tls.ca_file == base / "ca.pem"


def test_store_and_catalog_follow_data_dir(tmp_path: Path) -> None:
    settings = loaded(tmp_path, MINIMAL % SECRET, UCM_SCRAPER__DATA_DIR="/srv/x")
    assert (settings.store.url, settings.catalog.url) == ("/srv/x/recordings", "sqlite:////srv/x/catalog.db")


def test_other_urls_stay_as_they_are(tmp_path: Path) -> None:
    text = MINIMAL % SECRET + "store: {url: 's3://bucket/p'}\ncatalog: {url: 'postgresql+psycopg://u:pw@db/x'}\n"
    settings = loaded(tmp_path, text)
    assert (settings.store.url, settings.catalog.url) == ("s3://bucket/p", "postgresql+psycopg://u:pw@db/x")
    assert set(settings.secrets()) == {SECRET, "pw"}


# --- variables and files of secrets -------------------------------------------


def test_env_files_beside_the_config_and_in_the_working_directory_never_override_the_environment(tmp_path: Path) -> None:
    Path(".env").write_text("A=cwd\nB=cwd\n")
    path = written(tmp_path, with_ucm(web={"username": "${A}-${B}-${C}", "password": SECRET}))
    (path.parent / ".env").write_text("A=beside\nB=beside\nC='beside ${A}'\n")
    web = load(path, {"A": "real"}).ucms["a"].web
    assert web and web.username == "real-cwd-beside ${A}"


def test_every_missing_variable_is_named_with_its_path(tmp_path: Path) -> None:
    found = problems(tmp_path, with_ucm(url="${NO_URL}", web={"username": "u", "password": "${NO_PASSWORD}"}))
    assert "ucms.a.url: the environment variable NO_URL is not set" in found
    assert "ucms.a.web.password: the environment variable NO_PASSWORD is not set" in found
    assert "has 2 problems" in found


def test_a_secret_comes_from_a_file_without_its_line_end(tmp_path: Path) -> None:
    written(tmp_path, f"{SECRET}\n", "secret")
    web = loaded(tmp_path, with_ucm(web={"username": "u", "password_file": "secret"})).ucms["a"].web
    assert web and web.secret == SECRET


def test_a_higher_layer_may_use_the_other_form_of_a_secret(tmp_path: Path) -> None:
    written(tmp_path, SECRET, "secret")
    web = loaded(tmp_path, MINIMAL % "old", UCM_SCRAPER__UCMS__HEAD_OFFICE__WEB__PASSWORD_FILE="secret").ucms["head-office"].web
    assert web and web.secret == SECRET


@pytest.mark.parametrize(
    ("content", "user", "expected"),
    [
        (b"x", {"password": SECRET, "password_file": "secret"}, "both password and password_file are given"),
        (None, {"password_file": "secret"}, "can't be read (No such file or directory)"),
        (b" \n", {"password_file": "secret"}, "is empty"),
        (b"\xff\xfe", {"password_file": "secret"}, "is not UTF-8"),
    ],
    ids=["both", "missing", "empty", "binary"],
)
def test_a_secret_file_that_cannot_serve_is_a_problem(tmp_path: Path, content: bytes | None, user: dict[str, str], expected: str) -> None:
    path = written(tmp_path, with_ucm(web={"username": "u"} | user))
    if content is not None:
        (path.parent / "secret").write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        load(path, {})
    assert "ucms.a.web: " in str(caught.value) and expected in str(caught.value)


READ_ONLY = [
    {"username": "u", "password": "${NO_PASSWORD}"},
    {"username": "u", "password": "${EMPTY}"},
    {"username": "u", "password_file": "nowhere"},
    {"username": "u", "password_file": "${NO_FOLDER}/secret"},
]


@pytest.mark.parametrize("user", READ_ONLY, ids=str)
@pytest.mark.parametrize("section", ["web", "api"])
def test_what_only_reads_does_without_a_secret_that_cannot_be_had(tmp_path: Path, section: str, user: dict[str, str]) -> None:
    path = written(tmp_path, with_ucm(**{section: user}))
    with pytest.raises(ConfigError):
        load(path, {"EMPTY": ""})
    found = getattr(load(path, {"EMPTY": ""}, secrets=False).ucms["a"], section)
    assert not found.secret


def test_what_only_reads_is_told_every_other_problem(tmp_path: Path) -> None:
    path = written(tmp_path, with_ucm(url="${NO_URL}", web={"username": "${NO_USER}", "password": "${NO_PASSWORD}"}))
    with pytest.raises(ConfigError) as caught:
        load(path, {}, secrets=False)
    assert caught.value.evidence["problems"] == [
        "ucms.a.url: the environment variable NO_URL is not set",
        "ucms.a.web.username: the environment variable NO_USER is not set",
    ]


def test_what_only_reads_needs_no_password_among_the_four_variables() -> None:
    ucm = load(None, {"UCM_IP": "h", "UCM_USERNAME": "u", "UCM_API_USERNAME": "a"}, secrets=False).ucms["default"]
    assert ucm.web and ucm.api and (ucm.web.secret, ucm.api.secret) == (None, None)


# --- without a file ----------------------------------------------------------


def test_four_variables_make_one_ucm() -> None:
    settings = load(
        None, {"UCM_IP": "192.0.2.1", "UCM_USERNAME": "backup", "UCM_PASSWORD": "p", "UCM_API_USERNAME": "api", "UCM_API_PASSWORD": "q"}
    )
    ucm = settings.ucms["default"]
    assert ucm.url == "https://192.0.2.1:8089"
    assert ucm.web and (ucm.web.username, ucm.web.secret) == ("backup", "p")
    assert ucm.api and (ucm.api.username, ucm.api.secret) == ("api", "q")
    assert settings.data_dir == Path.cwd() / "data"
    assert settings.origin_of("ucms.default.url") == "environment"


@pytest.mark.parametrize("url", ["http://localhost:8089", "http://127.0.0.1", "http://[::1]:80"])
def test_plain_http_is_for_this_machine(tmp_path: Path, url: str) -> None:
    assert loaded(tmp_path, with_ucm(url=url)).ucms["a"].url == url


@pytest.mark.fault("config", "http:// to another machine", "refused unless it is asked for", promise="tls")
def test_plain_http_elsewhere_must_be_asked_for(tmp_path: Path) -> None:
    settings = loaded(tmp_path, with_ucm(url="http://pbx.example.com", tls={"verify": False}))
    assert list(settings.warnings()) == ["ucms.a.tls: verify is off, so that whoever answers is trusted; better set pin"]


def test_a_ui_in_another_language_is_asked_for_both_download_labels(tmp_path: Path) -> None:
    web = {"username": "u", "password": SECRET, "labels": {"download_all": "Alles laden"}}
    (warning,) = loaded(tmp_path, with_ucm(web=web)).warnings()
    assert warning.startswith("ucms.a.web.labels: download_all is set, download is not")
    web["labels"] = {"download_all": "Alles laden", "download": "Laden"}
    assert not list(loaded(tmp_path, with_ucm(web=web)).warnings())


@pytest.mark.parametrize(
    ("ucms", "template", "warned"), [("ab", "{month}/{name}", 1), ("a", "{month}/{name}", 0), ("ab", "{ucm}/{name}", 0)]
)
def test_several_ucms_that_share_folders_are_warned_of(tmp_path: Path, ucms: str, template: str, warned: int) -> None:
    (ucm,) = yaml.safe_load(with_ucm())["ucms"].values()
    warnings = list(loaded(tmp_path, yaml.safe_dump({"store": {"template": template}, "ucms": dict.fromkeys(ucms, ucm)})).warnings())
    assert [warning.partition(":")[0] for warning in warnings] == ["store.template"] * warned


def test_an_ipv6_address_gets_brackets_and_a_port() -> None:
    settings = load(None, {"UCM_IP": "2001:db8::1", "UCM_PORT": "8443", "UCM_USERNAME": "u", "UCM_PASSWORD": "p"})
    assert settings.ucms["default"].url == "https://[2001:db8::1]:8443"


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"UCM_USERNAME": "u", "UCM_PASSWORD": SECRET}, ["UCM_IP: is not set"]),
        (
            {"UCM_IP": "https://x", "UCM_PORT": "0", "UCM_USERNAME": "u"},
            ["UCM_IP: must be", "UCM_PORT: must be", "UCM_PASSWORD: is not set"],
        ),
        ({"UCM_IP": "h"}, ["UCM_USERNAME: is not set"]),
        ({"UCM_IP": "pbx:8089", "UCM_USERNAME": "u", "UCM_PASSWORD": SECRET}, ["UCM_IP: must be", "the port belongs in UCM_PORT"]),
        (
            {"UCM_IP": "h", "UCM_PORT": "65536", "UCM_USERNAME": "u", "UCM_PASSWORD": SECRET},
            ["UCM_PORT: must be a port number, such as 8089"],
        ),
        ({"UCM_IP": "h", "UCM_PASSWORD": SECRET}, ["UCM_USERNAME: is not set, but its password is"]),
    ],
)
def test_variables_that_do_not_suffice_are_named(environ: dict[str, str], expected: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        load(None, environ)
    assert all(part in str(caught.value) for part in expected) and SECRET not in str(caught.value)
    assert "ucms" not in str(caught.value)


def test_nothing_at_all_says_what_to_do() -> None:
    with pytest.raises(ConfigError) as caught:
        load(None, {"HOME": "/"})
    assert "config init" in caught.value.remedy and "demo" in caught.value.remedy


def test_the_default_file_is_found_and_a_variable_names_another(tmp_path: Path) -> None:
    Path("config.yaml").write_text(MINIMAL % SECRET)
    other = written(tmp_path, with_ucm(), "other.yaml")
    assert list(load(None, {}).ucms) == ["head-office"]
    assert list(load(None, {"UCM_SCRAPER_CONFIG": str(other)}).ucms) == ["a"]


# --- files that are none -----------------------------------------------------

#: Each line stands for ten times what the one before does.
ALIASES_OF_ALIASES = b"a0: &a0 [x]\n" + b"".join(b"a%d: &a%d [%s]\n" % (n, n, b",".join([b"*a%d" % (n - 1)] * 10)) for n in range(1, 30))
MERGED_OVER_AND_OVER = b"a0: &a0 {x: y}\n" + b"".join(
    b"a%d: &a%d {<<: [%s]}\n" % (n, n, b",".join([b"*a%d" % (n - 1)] * 10)) for n in range(1, 30)
)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "is empty"),
        (b"# only a comment\n", "is empty"),
        (b"- a\n", "must hold keys and values"),
        (b"a: [1\nb: 2\n", "is not valid YAML at line 2, column 2"),
        (b"a: *hunter2-never-shown\n", "at line 1, column 4, or just before it."),
        (b"a: !hunter2-never-shown x\n", "at line 1, column 4"),
        (b"log:\n  level: info\n  level: debug\n", "line 3: the key 'level' stands in line 2 already"),
        (b"1: a\n", "line 1: a key must be text"),
        (b"a: &x {b: *x}\n", "holds itself"),
        (b"\xff\xfe\x00", "is not UTF-8"),
        (b"a: 1\n---\nb: 2\n", "at line 2, column 1"),
        (b"a: 1\nb: \x00", "at line 2, column 4"),
        (b"[" * 2000, "is nested too deeply"),
        (b"a: 2026-13-45\n", "holds a date or number that doesn't exist"),
        (b"a: !!int ''\n", "holds a date or number that doesn't exist"),
        (b"a: !!float ''\n", "holds a date or number that doesn't exist"),
        (b"a: !!bool hunter2\n", "holds a date or number that doesn't exist"),
        (b"a: !!timestamp hunter2\n", "holds a date or number that doesn't exist"),
        (ALIASES_OF_ALIASES, "holds itself, or more than 100,000 values"),
        (MERGED_OVER_AND_OVER, "line 6: more than 10,000 keys stand together"),
    ],
)
def test_a_file_that_is_no_configuration_says_why(tmp_path: Path, content: bytes, expected: str) -> None:
    path = tmp_path / "config.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        load(path, {})
    assert expected in str(caught.value) and SECRET not in str(caught.value)
    assert caught.value.__cause__ is None or SECRET not in repr(caught.value.__cause__)


def test_a_missing_file_and_a_folder_say_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="does not exist"):
        load(tmp_path / "nope.yaml", {})
    with pytest.raises(ConfigError, match="is a folder"):
        load(tmp_path, {})


def test_a_byte_order_mark_is_no_problem(tmp_path: Path) -> None:
    assert loaded(tmp_path, "\ufeff" + with_ucm()).ucms


# --- problems of values ------------------------------------------------------


@pytest.mark.fault("config", "several mistakes in the configuration", "all are told at once, by path")
def test_all_problems_are_told_at_once_by_path(tmp_path: Path) -> None:
    text = f"""
data_dirr: /x
store: {{min_free_mb: {SECRET}, originals: {SECRET}}}
browser: {{timeout_seconds: 0, headless: {SECRET}}}
ucms:
  head-office:
    url: https://pbx.example.com
    web: {{username: 1000, pasword: {SECRET}}}
"""
    found = problems(tmp_path, text)
    for line in (
        "data_dirr: unknown key; did you mean data_dir?",
        "store.min_free_mb: must be a whole number",
        "store.originals: must be one of auto, always or never",
        "browser.timeout_seconds: must be more than 0",
        "browser.headless: must be true or false",
        "ucms.head-office.web.username: must be text; put it in quotes",
        "ucms.head-office.web.pasword: unknown key; did you mean password?",
    ):
        assert line in found


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"url": f"ftp://{SECRET}"}, "a.url: must be a URL"),
        ({"url": f"https://u:{SECRET}@pbx.example.com"}, "a.url: must not carry"),
        ({"url": f"https://pbx.example.com/{SECRET}"}, "a.url: must end after host and port"),
        ({"url": "https://pbx.example.com:99999"}, "a.url: is not a URL"),
        ({"timezone": SECRET}, "a.timezone: is no known time zone"),
        ({"timezone": "America"}, "a.timezone: is no known time zone"),
        ({"tls": {"pin": f"sha256//{SECRET}"}}, "a.tls.pin: must be sha256//"),
        ({"web": {"username": "u", "allow_actions": ["listX", "RemoveFile"]}}, "a.web.allow_actions: must not allow"),
        ({"web": {"username": "u", "password": ""}}, "a.web.password: is empty"),
        ({"web": {"password": SECRET}}, "a.web.username: is required"),
        ({"web": None}, "a: needs credentials"),
        ({"web": None, "api": {"username": "u", "password": SECRET, "kind": "off"}}, "a: needs credentials"),
        ({"api": {"username": "u"}}, "a.api: password is missing"),
        ({"url": "http://pbx.example.com"}, "a: url is plain http"),
        ({"url": "http://pbx.example.com", "tls": {"pin": "sha256//" + "A" * 43 + "="}}, "a: url is plain http"),
        ({"api": {"username": "u", "password": SECRET, "url": "http://127.example.com"}}, "a: api.url is plain http"),
    ],
)
def test_an_impossible_ucm_is_refused(tmp_path: Path, changes: dict[str, Any], expected: str) -> None:
    assert f"ucms.{expected}" in problems(tmp_path, with_ucm(**changes))


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("store: {template: '{ucm}/{nope}/{name}'}", "store.template: may hold the fields"),
        ("store: {template: '{ucm}/{month}'}", "store.template: must end in {name}"),
        ("store: {template: '../{name}'}", "store.template: must be a relative place"),
        ("store: {template: '{name'}", "store.template: has an unbalanced brace"),
        ("store: {url: 'gopher://x'}", "store.url: must be a folder"),
        ("store: {url: ''}", "store.url: is empty"),
        ("catalog: {url: 'mysql://x'}", "catalog.url: must be sqlite"),
        ("schedule: {cron: hourly}", "schedule.cron: must have five fields"),
        ("log: {level: loud}", "log.level: must be one of"),
        ("admin: {token: fifteen-letters}", "admin.token: is too short"),
        ("admin: {listen: '0.0.0.0:8080'}", "listens where others can reach it"),
        ("hooks: {listen: '127.0.0.1:8081'}", "needs username and password"),
        ("ucms: {}", "ucms: holds no UCM"),
        ("ucms: {'a/b': {url: 'https://a', web: {username: u}}}", "ucms: the name 'a/b' may hold"),
        ("ucms: {A: {url: 'https://a', web: {username: u}}, a: {url: 'https://a', web: {username: u}}}", "differ in case only"),
    ],
)
def test_an_impossible_value_is_refused(tmp_path: Path, line: str, expected: str) -> None:
    rest = "" if line.startswith("ucms") else with_ucm()
    assert expected in problems(tmp_path, f"{line}\n{rest}")


def test_a_problem_from_the_environment_names_its_variable(tmp_path: Path) -> None:
    found = problems(tmp_path, with_ucm(), UCM_SCRAPER__STORE__ULR=SECRET, UCM_SCRAPER__BROWSER__HEADLESS=SECRET)
    assert "store.ulr: unknown key; did you mean url? (set by UCM_SCRAPER__STORE__ULR)" in found
    assert "browser.headless: must be true or false (set by UCM_SCRAPER__BROWSER__HEADLESS)" in found


def test_no_secret_shows_in_the_settings_themselves(tmp_path: Path) -> None:
    settings = loaded(tmp_path, with_ucm())
    assert SECRET not in repr(settings) + str(settings) + settings.model_dump_json()


def test_settings_built_by_hand_need_no_file(tmp_path: Path) -> None:
    settings = Settings.model_validate({"data_dir": tmp_path, "ucms": {"a": {"url": "https://a/", "web": {"username": "u"}}}})
    assert settings.ucms["a"].url == "https://a" and settings.store.url == str(tmp_path / "recordings")


# --- fleet -------------------------------------------------------------------

KEY = "A" * 43 + "="
FLEET = {
    "fleet": {"name": "north"},
    "catalog": {"url": "postgresql+psycopg://scraper@db/ucm"},
    "store": {"url": "s3://bucket/prefix"},
    "encryption": {"key": KEY},
}


def with_fleet(**changes: Any) -> str:
    return with_ucm() + yaml.safe_dump({**FLEET, **changes})


def test_a_fleet_whose_machines_share_all_that_they_must(tmp_path: Path) -> None:
    settings = loaded(tmp_path, with_fleet())
    assert settings.fleet.name == "north" and KEY in settings.secrets() and settings.store.shared


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"catalog": {"url": "sqlite:///catalog.db"}}, "needs a catalog on PostgreSQL"),
        ({"store": {}}, "needs a store that all machines reach"),
        ({"encryption": {}}, "needs encryption.key"),
        ({"fleet": {"name": "a fleet"}}, "fleet.name: may hold letters"),
        ({"fleet": {"name": "north", "lease_seconds": 0.1}}, "fleet.lease_seconds: must be at least 1"),
    ],
)
def test_a_fleet_that_could_not_work_says_what_it_needs(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    assert words in problems(tmp_path, with_fleet(**changes))


@pytest.mark.parametrize("key", [SECRET, KEY[:-2] + "=", KEY.replace("A", "é"), [KEY, SECRET]])
def test_a_key_that_is_none_is_refused_and_not_shown(tmp_path: Path, key: Any) -> None:
    assert "encryption.key: holds something that is no key" in problems(tmp_path, with_fleet(encryption={"key": key}))


def test_keys_stand_in_a_file_one_a_line(tmp_path: Path) -> None:
    written(tmp_path, f"{KEY}\n{KEY.replace('A', 'B')[:-2]}A=\n", "keys")
    assert len(loaded(tmp_path, with_fleet(encryption={"key_file": "keys"})).encryption.keys) == 2
