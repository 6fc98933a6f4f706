"""Random requests of a page, each with the truth of what it is: known because it was made so, not because somebody judged it.

For tests/scraper/webui/test_guard_fuzz.py and its long version under tests/bench.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from unicodedata import normalize
from urllib.parse import quote, unquote_plus, urlencode, urlsplit

from scraper.webui.browser import LaunchOptions, launched
from scraper.webui.guard import Guard, Judge

#: Actions that the web UI's pages ask for to show, pack and download (field guide 1), and such as change something.
READS = ["listFile", "checkFile", "packFile", "downloadFile", "getUserInfo", "listCDRDB", "reloadCDRRecordFile", "downloadCdrRecord"]
READS += ["CreateCdrRecord", "challenge", "login", "logout", "loadPage", "getQueueList"]
WRITES = ["removeFile", "deleteCDRDB", "DeleteFile", "REMOVEFILE", "resetAll", "rebootSystem", "updateUser", "addUser", "setTime"]
WRITES += [
    "applyChanges",
    "restoreBackup",
    "cleanData",
    "checkAndDelete",
    "getAndRemove",
    "listThenReset",
    "packDelete",
    "upload",
]

_PAGES = ["/", "/login", "/cdr/recordingFile", "/static/app.js", "/static/a/b.css", "/dashboard"]
_CGI = ["/cgi", "//cgi", "/./cgi", "/x/../cgi", "/x/%2e%2e/cgi", "/%63gi", "/%2563gi", "/CGI", "/cgi/", "/cgi-bin/luci", "/cgi;x", "/\\cgi"]
_SHUT = ["/api", "/API", "/%61pi", "/cdrapi", "/recapi", "/api/v1", "/x/../recapi"]
_PARAMETERS = {
    "type": ["voice_recording", "cdr_pack"],
    "data": ["*", "2026-02/auto-1700000000#6500-1000-5555550101.wav"],
    "page": ["1", "7"],
}
_PARAMETERS |= {"filter": ['{"list_dir":0,"list_file":1,"file_suffix":["mp3","wav"]}'], "sord": ["desc"], "_location": ["cdr"]}
_VERBS = ("get", "list", "check", "load", "reload", "pack", "download", "challenge", "login", "logout", "createcdrrecord")


class Truth(Enum):
    """What a request is: it only reads and has to pass; it would change something, or goes elsewhere, and may not; odd, but harmless."""

    READS = "reads"
    WRITES = "writes"
    ODD = "odd"


@dataclass(frozen=True, slots=True)
class Asked:
    """One request: method, URL and body as the browser would send them."""

    method: str
    url: str
    body: bytes | None
    truth: Truth


def requests(seed: int, count: int, origin: str) -> Iterator[Asked]:
    """So many requests of a page of the PBX at ``origin`` (``https://host:port``), the same for the same seed."""
    dice = random.Random(seed)
    makers = (_plain, _plain, _page, _disguised, _disguised, _disguised, _in_json, _in_json, _by_method, _elsewhere, _odd)
    for _ in range(count):
        yield dice.choice(makers)(dice, origin)


def actions_read_by_anybody(asked: Asked) -> list[str]:
    """Every action that the most lenient of servers could read out of a request."""
    text = asked.url + "&" + (asked.body or b"").decode("utf-8", "replace")
    while (once := unquote_plus(re.sub(r"\\u([0-9a-fA-F]{4})", lambda found: chr(int(found[1], 16)), text))) != text:
        text = once
    return re.findall(r"\baction\b[^\w&;]*[=:][^\w&;]*([^&;\s\"'\\<]+)", normalize("NFKC", text).lower())


def only_reads(asked: Asked, origin: str) -> bool:
    """Whether nobody could read a change out of it, and it goes nowhere else than to the PBX's web UI, or to a CAPTCHA's host."""
    where = urlsplit(asked.url)
    if f"{where.scheme}://{where.netloc}".lower() != origin:
        return where.hostname in ("www.google.com", "www.gstatic.com", "www.recaptcha.net") and where.path.startswith("/recaptcha/")
    actions = actions_read_by_anybody(asked)
    return asked.method in ("GET", "HEAD", "POST") and all(
        action.startswith(_VERBS) and not re.search("delete|remove|reset|reboot", action) for action in actions
    )


def misjudged(judge: Judge, made: Iterable[Asked], origin: str) -> list[Asked]:
    """The requests that ``judge`` lets through though they don't only read, or refuses though they do."""
    wrong = []
    for asked in made:
        allowed = judge.request(asked.method, asked.url, asked.body).allowed
        harmless = asked.truth is not Truth.WRITES and only_reads(asked, origin)
        if (allowed and not harmless) or (asked.truth is Truth.READS and not allowed):
            wrong.append(asked)
    return wrong


_SEND = """asked => Promise.all(asked.map(({method, url, body}) => fetch(url, {method, body: body && new Uint8Array(body)})
  .then(() => true, () => false)))"""


async def sent(made: list[Asked], url: str, guard: Guard | None, downloads: Path) -> list[bool]:
    """Let a page of the PBX at ``url`` send them all; which were answered. ``guard`` None: with nothing in between."""
    async with launched(LaunchOptions(downloads, host="127.0.0.1"), None) as browser:
        context = await browser.new_context(service_workers="block")
        if guard:
            await guard.attach(context)
        page = await context.new_page()
        await page.goto(url + "/login")
        answered: list[bool] = []
        for start in range(0, len(made), 50):
            some = [
                {"method": asked.method, "url": asked.url, "body": None if asked.method in ("GET", "HEAD") else list(asked.body or b"")}
                for asked in made[start : start + 50]
            ]
            answered += await page.evaluate(_SEND, some)
    return answered


def _others(dice: random.Random) -> list[tuple[str, str]]:
    chosen = dice.sample(list(_PARAMETERS), dice.randrange(4))
    return [(name, dice.choice(_PARAMETERS[name])) for name in chosen]


def _mixed(dice: random.Random, *first: tuple[str, str]) -> list[tuple[str, str]]:
    pairs = [*first, *_others(dice)]
    dice.shuffle(pairs)
    return pairs


def _plain(dice: random.Random, origin: str) -> Asked:
    """As the pages ask, for a read or for a write."""
    writes = dice.random() < 0.5
    text = urlencode(_mixed(dice, ("action", dice.choice(WRITES if writes else READS))), quote_via=quote)
    truth = Truth.WRITES if writes else Truth.READS
    if dice.random() < 0.5:
        return Asked("POST", f"{origin}/cgi", text.encode(), truth)
    return Asked("GET", f"{origin}/cgi?{text}", None, truth)


def _page(dice: random.Random, origin: str) -> Asked:
    return Asked(dice.choice(["GET", "HEAD"]), origin + dice.choice(_PAGES) + dice.choice(["", "?v=3", "?lang=en#x"]), None, Truth.READS)


def _encoded(dice: random.Random, text: str) -> str:
    """Some letters, or all, written as percent signs, once or twice."""
    part = dice.choice([0.0, 0.3, 1.0])
    once = "".join(f"%{ord(letter):02x}" if dice.random() < part and ord(letter) < 128 else letter for letter in text)
    return once.replace("%", "%25") if dice.random() < 0.4 else once


def _key(dice: random.Random) -> str:
    key = dice.choice(
        ["action", "Action", "ACTION", "aCtIoN", " action", "action ", "action[]", "action[0]", "action%00", "%00action", "action.x"]
    )
    return _encoded(dice, key) if "%" not in key else key


def _disguised(dice: random.Random, origin: str) -> Asked:
    """A write under a disguised key or value, beside a read that is none."""
    write = f"{_key(dice)}={_encoded(dice, _dressed(dice, dice.choice(WRITES)))}"
    read, rest = f"action={dice.choice(READS)}", urlencode(_others(dice))
    parts = [part for part in (read if dice.random() < 0.8 else "", rest) if part]
    here, there = dice.choice([([*parts, write], []), ([write, *parts], []), (parts, [write]), ([write], parts)])
    query, body = (dice.choice(["&", ";", "&&"]).join(some) for some in (here, there))
    url = origin + dice.choice(_CGI + _PAGES) + "?" + quote(query, safe="%&;=[],./*")  # as a browser writes it
    return Asked("POST" if body else dice.choice(["GET", "POST"]), url, body.encode() or None, Truth.WRITES)


def _dressed(dice: random.Random, write: str) -> str:
    """An action that some server may still take for ``write``."""
    dresses: list[Callable[[], str]] = [
        lambda: write,
        lambda: write.swapcase(),
        lambda: f" {write}",
        lambda: f"{dice.choice(READS)},{write}",
        lambda: f"{dice.choice(READS)}\n{write}",
        lambda: write.replace("e", dice.choice("\u0435\uff45\u0065\u0301")),
        lambda: f"{write[:3]}\u200b{write[3:]}",
        lambda: f"./{write}",
        lambda: f"{write}\0{dice.choice(READS)}",
    ]
    return dice.choice(dresses)()


def _in_json(dice: random.Random, origin: str) -> Asked:
    """A write in JSON, in a batch, nested, as text in another text, in parts, in other character sets, or in a lot of other things."""
    write, read = dice.choice(WRITES), dice.choice(READS)
    value: object = {dice.choice(["action", "Action", " action"]): write, "data": "*"}
    for _ in range(dice.randrange(4)):
        value = dice.choice(
            [{"request": value, "action": read}, [{"action": read}, value], {"a": [1, None, value]}, {"data": json.dumps(value)}]
        )
    text = json.dumps(value)
    bodies: list[Callable[[], bytes]] = [
        lambda: text.encode(),
        lambda: text.replace("action", "\\u0061ction").encode(),
        lambda: b" \n" + text.encode(),
        lambda: b"\xef\xbb\xbf" + text.encode(),
        lambda: text.encode("utf-16"),
        lambda: f'{{"action":"{write}","action":"{read}"}}'.encode(),
        lambda: f"action={read}&request={quote(text)}".encode(),
        lambda: urlencode({"request": f"action={write}", "action": read}).encode(),
        lambda: f'--x\r\ncontent-disposition: form-data; name="action"\r\n\r\n{write}\r\n--x--\r\n'.encode(),
        lambda: f"<request><action>{write}</action></request>".encode(),
        lambda: f"action={read}&data={'x' * dice.randrange(200_000)}&action={write}".encode(),
        lambda: ("[" * 3000 + text + "]" * 3000).encode(),
        lambda: ("&".join(f"a{number}=1" for number in range(1500)) + f"&action={write}").encode(),
    ]
    url = origin + dice.choice(_CGI) + dice.choice(["", f"?action={read}"])
    return Asked("POST", url, dice.choice(bodies)(), Truth.WRITES)


def _by_method(dice: random.Random, origin: str) -> Asked:
    """A method or a path by which no page reads."""
    if dice.random() < 0.5:
        return Asked(dice.choice(["POST", "GET"]), origin + dice.choice(_SHUT) + f"?action={dice.choice(READS)}", b"x=1", Truth.WRITES)
    method = dice.choice(["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND"])
    return Asked(method, origin + dice.choice(_CGI + _PAGES), f"action={dice.choice(READS)}".encode(), Truth.WRITES)


def _elsewhere(dice: random.Random, origin: str) -> Asked:
    """Another host, port or scheme."""
    scheme, host = origin.split("://")
    name, port = host.split(":")
    places = [f"{scheme}://{name}:{int(port) - 1}", f"{scheme}://{name}.:{port}", f"{scheme}://{host}@evil.example", f"ftp://{host}"]
    places += [f"{scheme}://evil.example:{port}", "https://www.google.com", f"{'http' if scheme == 'https' else 'https'}://{host}"]
    return Asked("GET", f"{dice.choice(places)}/cgi?action={dice.choice(READS)}", None, Truth.WRITES)


def _odd(dice: random.Random, origin: str) -> Asked:
    """Noise: whatever is made of it, nothing may be read out of it that is not a read."""
    words = [
        "action",
        "=",
        "&",
        ";",
        "%",
        "%25",
        "{",
        "}",
        '"',
        ":",
        "[",
        "]",
        "\\u0061",
        "+",
        "\0",
        "\r\n",
        *dice.sample(READS + WRITES, 4),
    ]
    text = "".join(dice.choices(words, k=dice.randrange(1, 14)))
    if dice.random() < 0.5:
        return Asked("POST", f"{origin}/cgi?action={dice.choice(READS)}", text.encode(), Truth.ODD)
    return Asked("GET", f"{origin}{dice.choice(_CGI + _PAGES)}?{quote(text, safe='=&;%+')}", None, Truth.ODD)
