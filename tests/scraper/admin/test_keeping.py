"""The page and the JSON API of keeping: what would go, what went, and holds."""

from __future__ import annotations

from typing import Any

import pytest

from scraper.catalog import Recording
from scraper.catalog.keeping import Doomed
from scraper.catalog.tombstones import key_of
from scraper.models import Identity, RecordingClass, Source

OLD, RECENT = "auto-1400000000-1000-5555550100.wav", "auto-1790000000-1000-5555550111.wav"


@pytest.fixture
def admin(make_admin: Any) -> Any:
    """An admin service with a rule that lets go of one of two recordings."""
    found = make_admin(retention={"keep_days": 3650})
    found.sign_in(found.client)
    found.csrf = found.client.get("/").text.split('name="csrf-token" content="')[1].split('"')[0]
    announce(found, (OLD, "2014-05"), (RECENT, "2026-09"))
    return found


def announce(admin: Any, *named: tuple[str, str]) -> None:
    """Archived recordings of these names and months."""
    made = {"size": 100, "sha256": "a" * 64, "source": Source.BULK, "source_format": "gsff", "source_size": 4, "source_sha256": "b" * 64}
    for name, month in named:
        identity = Identity("office", RecordingClass.MONITOR, month, name)
        admin.catalog.announce([Recording(identity=identity, path=f"office/{month}/{name}", run_id="r", **made)])
    admin.catalog.promote("office")


def json(admin: Any, path: str) -> Any:
    return admin.outsider.get(f"/api/v1/keeping/{path}", headers=admin.bearer).json()


def test_page_shows_what_would_go_of_the_ucm_asked_for_and_names_none(admin):
    assert "Would go now" not in admin.client.get("/keeping").text
    page = admin.client.get("/keeping?ucm=office").text
    assert "<dt>Would go now</dt><dd>1</dd>" in page and "2014-05-13" in page and "--ucm office --apply" in page
    assert OLD not in page and "5555550100" not in page
    assert "Nothing is too old." in admin.client.get("/keeping?ucm=branch").text
    assert len(list(admin.catalog.recordings())) == 2


def test_json_tells_what_would_go(admin):
    found = json(admin, "outlook?ucm=office")
    counts = {name: found[name] for name in ("recordings", "files", "size", "call_records", "on_hold", "files_kept", "share", "stops")}
    assert counts == {
        "recordings": 1,
        "files": 1,
        "size": 100,
        "call_records": 0,
        "on_hold": 0,
        "files_kept": 1,
        "share": 0.5,
        "stops": False,
    }
    assert (found["oldest"], found["rule"]["keep_days"], found["rule"]["apply"]) == ("2014-05-13", 3650, False)


def test_page_and_json_tell_that_it_is_more_than_may_go_at_once(admin):
    announce(admin, *((f"auto-14000{number:05}-1000-5555550100.wav", "2014-05") for number in range(1, 200)))
    assert json(admin, "outlook?ucm=office")["stops"] is True
    assert "without <code>--force</code>" in admin.client.get("/keeping?ucm=office").text


def test_a_hold_put_on_the_page_keeps_recordings_and_is_audited(admin):
    answer = admin.post("/keeping/holds", ucm="office", number="(555) 555-0100", reason="case 12/26")
    assert answer.status_code == 303
    assert (json(admin, "outlook?ucm=office")["on_hold"], json(admin, "outlook?ucm=office")["recordings"]) == (1, 0)
    [kept] = json(admin, "holds")["items"]
    assert (kept["number"], kept["reason"], kept["since"], kept["lifted_at"]) == ("5555550100", "case 12/26", None, None)
    entry = admin.catalog.audit_entries(1)[0]
    assert (entry.action, entry.ucm, entry.detail, entry.who == kept["by_whom"]) == ("hold-added", "office", "hold 1", True)
    assert "case 12/26" in admin.client.get("/keeping").text


def test_a_hold_is_lifted_with_a_reason_only_and_stays_on_record(admin):
    admin.post("/keeping/holds", ucm="office", number="5555550100", reason="case 12/26")
    assert admin.post("/keeping/holds/1/lift", reason=" ").status_code == 409
    assert json(admin, "holds")["items"]
    assert admin.post("/keeping/holds/1/lift", reason="the case is closed").status_code == 303
    assert json(admin, "holds")["items"] == []
    [lifted] = json(admin, "holds?lifted=true")["items"]
    assert lifted["lifted_at"] and lifted["number"] == "***"
    assert admin.catalog.audit_entries(1)[0].detail == "hold 1: the case is closed"
    assert admin.post("/keeping/holds/1/lift", reason="again").status_code == 409
    assert admin.post("/keeping/holds/7/lift", reason="again").status_code == 404


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"ucm": "nowhere"}, "ucm"),
        ({"number": "Ann"}, "number"),
        ({"since": "2026-13-01"}, "since"),
        ({"since": "2026-02-02", "until": "2026-02-02"}, "until"),
        ({"file": ".."}, "file"),
        ({"reason": " "}, "reason"),
    ],
)
def test_what_is_wrong_with_a_hold_stands_at_its_field(admin, wrong, field):
    page = admin.post("/keeping/holds", **({"ucm": "office", "reason": "case 12/26"} | wrong))
    assert page.status_code == 422 and f'id="{field}-error"' in page.text
    assert json(admin, "holds")["items"] == []


def test_json_puts_and_lifts_holds(admin):
    def post(path: str, **body: Any) -> Any:
        return admin.outsider.post(f"/api/v1/keeping/{path}", json=body, headers=admin.bearer)

    made = post("holds", ucm="office", since="2014-01-01", until="2015-01-01", reason="audit")
    assert (made.status_code, made.json()["since"], made.json()["by_whom"]) == (201, "2014-01-01", made.json()["by_whom"])
    assert json(admin, "outlook?ucm=office")["on_hold"] == 1
    assert post("holds", ucm="nowhere", reason="audit").status_code == 404
    assert post("holds", ucm="office", number="Ann", reason="audit").status_code == 409
    assert post("holds", ucm="office", since="2015-01-01", until="2014-01-01", reason="audit").status_code == 409
    assert post("holds/1/lift", reason="done").json()["lifted_at"]
    assert post("holds/1/lift", reason="done").status_code == 409


def test_what_went_is_counted_by_month_and_reason_without_a_name(admin):
    for name, month, why in ((OLD, "2014-05", "retention"), (RECENT, "2026-09", "erased")):
        doomed = Doomed(frozenset({key_of(month, name)}))
        admin.catalog.begin_erasure("office", doomed, why, "somebody")
        admin.catalog.remove_rows("office", doomed)
        admin.catalog.end_erasure("office", doomed)
    found = json(admin, "tombstones?ucm=office")["items"]
    assert [(one["why"], one["files"]) for one in found] == [("erased", 1), ("retention", 1)]
    page = admin.client.get("/keeping?ucm=office").text
    assert "older than the rule" in page and "5555550" not in page
