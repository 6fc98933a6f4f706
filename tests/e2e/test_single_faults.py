"""Jobs over the API alone while one thing is wrong for good: exit code and gaps, and that the next job completes once it is over."""

from __future__ import annotations

import pytest


@pytest.fixture
def place(branch, impatient):
    """An office whose only way is the API."""
    place = branch(recordings=3, seconds=(0.5, 1.0), tls=False)
    place.configure(web=None, tls={"verify": False})
    return place


def complete(place):
    """Whether the next job, with nothing wrong, brings all."""
    place.ucm.state.faults.clear()
    place.let_hours_pass(30)
    return place.run().exit_code == 0 and place.all_is_exact()


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("api_off", 6),
        ("api_denied", 6),
        ("cdrapi_forbidden", 4),
        ("api_html", 6),
        ("api_busy=-45", 6),
        ("unavailable", 6),
        ("hang=api", 6),
        ("cdrapi_empty", 3),
    ],
)
@pytest.mark.fault(
    "api",
    "`{fault}` for good, and no other way",
    "the job ends by its deadline, nothing is concluded; the next one brings all",
    exit_code="code",
    promise="hang",
    simulated="{fault}",
)
def test_nothing_can_be_learnt(place, fault, code):
    place.ucm.state.faults.set(*fault.split("="))
    report = place.run()
    assert (report.exit_code, report.recordings.expected, place.archived()) == (code, None, {})
    assert complete(place)


@pytest.mark.parametrize("fault", ["empty=0.34", "single_cut=0.5"])
@pytest.mark.fault(
    "audio",
    "`{fault}` for good, and no other way",
    "nothing of it is archived, each recording is a gap; later they come",
    exit_code=3,
    promise="success",
    simulated="{fault}",
)
def test_recordings_do_not_come_whole(place, fault):
    place.ucm.state.faults.set(*fault.split("="))
    report = place.run()
    assert (report.exit_code, report.recordings.expected, len(report.gaps)) == (3, 3, 3 - len(place.archived()))
    assert place.archived().items() <= place.held_by_pbx().items()
    assert complete(place)


@pytest.mark.fault("sign-in", "the API knows no such user (-71)", "two runs ask once", exit_code=4, promise="ban", simulated="unknown_user")
def test_user_that_the_pbx_does_not_know(place):
    place.ucm.state.faults.set("unknown_user")
    place.with_api(username="nobody")
    assert [place.run().exit_code, place.run().exit_code] == [4, 4]
    assert place.sign_ins("api") == 1
