"""What `verify` finds lost, the next run fetches again and puts in its place."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.browser


@pytest.mark.fault("storage", "stored files are deleted or changed", "`verify` notes it, the next run fetches them again", promise="loss")
def test_a_run_puts_back_what_verify_found_missing_or_changed(office):
    place = office()
    assert place.run().exit_code == 0
    first, second, *_ = sorted(place.store.rglob("*.wav"))
    first.unlink()
    second.write_bytes(b"scribbled over")
    verified = place.command("verify")
    verified.communicate(timeout=60)
    assert verified.returncode == 3
    report = place.run()
    assert (report.exit_code, report.recordings.archived, report.recordings.expected) == (0, 12, 12), report.gaps
    (aside,) = (path for path in place.store.rglob("*.wav") if path.read_bytes() == b"scribbled over")
    aside.unlink()
    assert place.all_is_exact()
    verified = place.command("verify")
    verified.communicate(timeout=60)
    assert verified.returncode == 0
