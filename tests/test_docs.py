"""README and docs against the program: commands and options, exit codes, configuration, links, names of files, menus of the PBX."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, get_args

import click
import pytest
import yaml
from documents import PAGES, ROOT, Command, blocks, code, commands, mentions, prose
from pydantic import BaseModel

from scraper import menus
from scraper.cli.app import cli
from scraper.errors import ExitCode
from scraper.settings import load
from scraper.settings.model import Settings

README = (ROOT / "README.md").read_text()
_ITALIC = re.compile(r"(?<!\*)\*(?!\*)([^*]+)\*(?!\*)")
_FILE = re.compile(r"(?:[\w.-]+/)*[\w.-]+(?:\.py(?:::\w+)?|\.md)|(?:scraper|tests|e2e|converters|docs)(?:/[\w-]+)*/")
UCMS = {"head-office": {"url": "https://pbx.example.com", "web": {"username": "backup", "password": "secret"}}}


def all_commands() -> dict[str, click.Command]:
    """Each command that shows, a group's under both words."""
    found: dict[str, click.Command] = {}
    for name, command in cli.commands.items():
        if isinstance(command, click.Group):
            found |= {f"{name} {inner}": one for inner, one in command.commands.items()}
        elif not command.hidden:
            found[name] = command
    return found


def options(command: click.Command) -> set[str]:
    """The long names of its options, but for --json, which is said of all."""
    return {name for one in command.params if isinstance(one, click.Option) for name in one.opts if name.startswith("--")} - {"--json"}


def section(title: str) -> str:
    return README.split(f"## {title}\n")[1].split("\n## ")[0]


def in_table() -> dict[str, str]:
    """The README's table of commands: each with what it says of its options and arguments."""
    cells = [line.split("|")[1] for line in section("Commands").splitlines() if line.startswith("| `")]
    spans = [span for cell in cells for span in re.findall(r"`([^`]+)`", cell)]
    return {re.match(r"[a-z]+(?: [a-z]+)?", span)[0]: span for span in spans}


def test_readme_is_short() -> None:
    assert len(README.splitlines()) <= 200


def test_readmes_table_names_every_command_and_option_and_no_other() -> None:
    shown = {name: set(re.findall(r"--[a-z-]+", span)) for name, span in in_table().items()}
    assert shown == {name: options(command) for name, command in all_commands().items()}


def test_readmes_table_shows_what_must_be_given_and_what_may_come_often() -> None:
    for name, command in all_commands().items():
        span = in_table()[name]
        for one in command.params:
            shown = one.opts[-1] if isinstance(one, click.Option) else one.human_readable_name.strip("[].…")
            if shown == "--json":
                continue
            optional, often = re.search(rf"\[{re.escape(shown)}\b", span), re.search(rf"{re.escape(shown)}(?: [A-Z=-]+)?\]?…", span)
            many = one.nargs == -1 or bool(getattr(one, "multiple", False))
            assert (optional is None, often is not None) == (one.required, many), (name, shown)


def test_readme_names_the_options_of_all_commands() -> None:
    after = section("Commands").rpartition("|")[2]
    assert {"--help", "--json", *options(cli)} - {"--version"} <= set(re.findall(r"--[a-z]+", after))


def test_readme_and_help_explain_every_exit_code() -> None:
    codes = [int(code) for code in ExitCode]
    assert [int(line.split("|")[1]) for line in section("Exit codes").splitlines() if re.match(r"\| \d", line)] == codes
    assert [int(number) for number in re.findall(r"(?:: |· )(\d+)\s", " ".join((cli.epilog or "").split()))] == codes


@pytest.mark.parametrize("command", [one for page in PAGES for one in [*commands(page), *mentions(page)]], ids=str)
def test_our_commands_in_the_text_are_understood(command: Command) -> None:
    words = command.words
    if not words[0].endswith("ucm-scraper"):
        return
    words = words[1 : words.index(">") if ">" in words else None]
    found: click.Command = cli
    while isinstance(found, click.Group):
        found = found.commands[words.pop(0)]
    if not words:
        return  # the command as such is spoken of
    with suppress(click.BadOptionUsage):  # an option as such is
        given, _, _ = found.make_parser(click.Context(found)).parse_args(list(words))
        assert {one.name for one in found.params if one.required} <= given.keys()


@pytest.mark.parametrize("text", [text for page in PAGES for text in blocks(page, "yaml") if not text.startswith("# prometheus.yml")])
def test_configuration_in_the_text_is_valid(text: str, tmp_path: Path) -> None:
    given = yaml.safe_load(text)
    ucms = {name: section for name, section in given.get("ucms", {}).items() if name != "…"}
    given["ucms"] = UCMS | {name: UCMS["head-office"] | section for name, section in ucms.items()}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(given))
    environ = dict.fromkeys(re.findall(r"\$\{(\w+)\}", text), "a-word")
    assert load(tmp_path / "config.yaml", environ, secrets=False).ucms.keys() >= ucms.keys()


def keys_of(model: type[BaseModel], before: str = "") -> Iterator[str]:
    """Every key of the configuration, dotted, with ``*`` for a name."""
    for name, one in model.model_fields.items():
        yield before + name
        for inner in models_in(one.annotation):
            named = "*." if "dict" in str(one.annotation).lower() or "Mapping" in str(one.annotation) else ""
            yield from keys_of(inner, f"{before}{name}.{named}")


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from models_in(inner)


def test_keys_of_the_configuration_that_the_text_names_exist() -> None:
    known = set(keys_of(Settings))
    known |= {key.removeprefix("ucms.*.") for key in known} | {key.removeprefix("sinks.*.") for key in known}
    sections = {key.split(".")[0] for key in known}
    files = (".py", ".md", ".yaml", ".json", ".db")
    dotted = {text for page in PAGES for text in code(page) if re.fullmatch(r"[a-z_]+(\.[a-z_]+)+", text) and not text.endswith(files)}
    assert [text for text in sorted(dotted) if text.split(".")[0] in sections and text not in known] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if target.startswith("https://"):
            continue
        name, _, heading = target.partition("#")
        file = (page.parent / name).resolve() if name else page
        assert file.exists(), target
        assert not heading or heading in headings(file), target


def headings(page: Path) -> set[str]:
    """The page's headings as links name them."""
    found = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in found}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_of_the_project_that_the_text_names_exist(page: Path) -> None:
    places = (ROOT, ROOT / "tests", ROOT / "tests" / "bench", ROOT / "scraper", ROOT / "docs")
    named = [text.split("::")[0] for text in code(page) if _FILE.fullmatch(text)]
    assert [name for name in named if not any((place / name).exists() for place in places)] == []


def test_menus_of_the_pbx_are_those_that_the_program_names() -> None:
    """A path is written *A → B*."""
    texts = [text for name, text in vars(menus).items() if name.isupper() and isinstance(text, str)]
    known = {part.strip() for text in texts for part in re.split(r"→|;", re.sub(r"\(newer: (\w+)\)", r"→ \1", text))} | {""}
    paths = [path for page in PAGES for path in _ITALIC.findall(" ".join(prose(page).split())) if "→" in path]
    assert paths
    assert [path for path in paths if not {part.strip() for part in path.split("→")} <= known] == []


def test_extras_that_the_text_installs_exist() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    everything = "\n".join(page.read_text() for page in PAGES)
    named = {extra for group in re.findall(r"(?:ucm-recording-scraper|\.)\[([\w,]+)\]'", everything) for extra in group.split(",")}
    assert {"test", "postgresql"} <= named <= extras.keys()
