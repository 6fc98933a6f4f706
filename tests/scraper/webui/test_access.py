"""Whether a browser can get in, known before it is started."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from scraper.budget import PBX_LIMIT, Attempt, SignInBudget
from scraper.catalog import Catalog
from scraper.catalog.notices import PERSON_NEEDED
from scraper.errors import PasswordRefused, SecondFactorRequired
from scraper.job.episode import Episode
from scraper.webui.kept import InFile, KeptSession
from scraper.webui.session import Credentials
from scraper.webui.ui import Access

URL = "https://pbx.example.com"


@pytest.fixture
def access(tmp_path: Path) -> Iterator[Callable[..., Access]]:
    """Makes the access of one web user to one PBX, all in one catalog."""
    with Catalog.open(f"sqlite:///{tmp_path}/catalog.db") as catalog:

        def make(password: str | None = "secret") -> Access:
            kept, budget = KeptSession(InFile(tmp_path, "office"), URL, "backup"), SignInBudget(catalog, URL)
            return Access(URL, Credentials("backup", password), None, budget, kept, Episode(catalog, "office"), lambda *_: None)

        yield make


def went(access: Access, how: Callable[[Attempt], None]) -> None:
    """An attempt to sign in was made."""
    with access.budget.attempt("web", "backup", access.credentials.password or "") as attempt:
        how(attempt)


def test_who_may_sign_in_may_come_and_it_counts_as_no_attempt(access):
    for _ in range(PBX_LIMIT):
        access().check()
    assert access().budget.left() == PBX_LIMIT


def test_refused_password_is_told_until_it_changes(access):
    went(access(), lambda attempt: attempt.refused(4))
    with pytest.raises(PasswordRefused):
        access().check()
    access("corrected").check()


def test_who_has_a_session_may_come_whatever_was_refused(access):
    went(access(), lambda attempt: attempt.refused(4))
    access().kept.save({"cookies": []})
    access().check()


def test_person_who_signs_in_without_a_configured_password_may_come(access):
    went(access(), lambda attempt: attempt.locked(3600))
    access(password=None).check()


def test_need_of_a_person_is_noted_where_no_browser_starts(access):
    went(access(), Attempt.wants_person)
    with pytest.raises(SecondFactorRequired):
        access().check()
    assert [notice.kind for notice in access().episode.catalog.open_notices("office", PERSON_NEEDED)] == [PERSON_NEEDED]
