"""A UCM's need of a person: begun once, however many jobs meet it, and ended by whoever is in."""

from __future__ import annotations

import pytest

from scraper.catalog import Catalog
from scraper.catalog.notices import PERSON_NEEDED
from scraper.errors import CaptchaRequired, NetworkError, SecondFactorRequired
from scraper.job.episode import Episode


@pytest.fixture
def episode(tmp_path):
    with Catalog.open(f"sqlite:///{tmp_path}/catalog.db") as catalog:
        yield Episode(catalog, "office")


def meet(episode, error):
    with pytest.raises(type(error)), episode.watched():
        raise error


def test_need_that_many_jobs_meet_is_one(episode):
    meet(episode, CaptchaRequired())
    meet(episode, SecondFactorRequired())
    (notice,) = episode.catalog.notices("office", PERSON_NEEDED)
    assert (notice.ended_at, notice.detail) == (None, CaptchaRequired().message)


def test_other_failures_neither_begin_nor_end_it(episode):
    meet(episode, NetworkError())
    assert episode.catalog.open_notices() == []
    meet(episode, CaptchaRequired())
    meet(episode, NetworkError())
    assert len(episode.catalog.open_notices()) == 1


def test_arrival_ends_it_and_the_next_need_is_another(episode):
    meet(episode, CaptchaRequired())
    with episode.watched():
        pass
    assert episode.catalog.open_notices() == []
    meet(episode, CaptchaRequired())
    assert len(episode.catalog.notices("office", PERSON_NEEDED)) == 2
