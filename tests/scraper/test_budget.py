"""The sign-in budget: what may still be tried."""

from datetime import UTC, datetime, timedelta

import pytest

from scraper.budget import LIMIT, PBX_LIMIT, SHORTEST_BAN, WINDOW, SignInBudget, budgets_left, known_budget
from scraper.catalog import Catalog
from scraper.errors import BudgetExhausted, LockedOut, PasswordRefused, SecondFactorRequired

URL = "https://pbx.example.com:8089"


class Clock:
    def __init__(self):
        self.now = datetime(2026, 2, 6, 12, tzinfo=UTC)

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def budget(catalog, clock):
    return SignInBudget(catalog, URL, clock)


def fail(budget, password, remaining=4):
    with budget.attempt("web", "backup", password) as attempt:
        attempt.refused(remaining)


def succeed(budget, password):
    with budget.attempt("web", "backup", password) as attempt:
        attempt.accepted()


@pytest.mark.fault("sign-in", "a refused password, days later", "it is not sent again", exit_code=4, promise="ban")
def test_refused_password_is_not_tried_again_even_days_later(budget, clock):
    fail(budget, "wrong")
    clock.now += timedelta(days=3)
    with pytest.raises(PasswordRefused):
        succeed(budget, "wrong")


def test_corrected_password_works_at_once(budget):
    fail(budget, "wrong")
    succeed(budget, "right")
    succeed(budget, "right")


def test_same_password_is_tried_again_after_a_person_signed_in(budget):
    fail(budget, "right")
    budget.person_signed_in("backup", "right")
    succeed(budget, "right")


def test_person_who_signed_in_with_another_password_frees_the_budget_but_not_the_refused_one(budget):
    for password in ("a", "b", "c"):
        fail(budget, password)
    budget.person_signed_in("backup", None)
    with pytest.raises(PasswordRefused):
        succeed(budget, "c")
    succeed(budget, "right")


def test_password_refused_on_one_way_may_be_tried_on_the_other(budget):
    fail(budget, "shared")
    with budget.attempt("api", "backup", "shared") as attempt:
        attempt.accepted()


def test_failures_of_different_passwords_exhaust_the_budget_until_they_are_old(budget, clock):
    for n in range(LIMIT):
        fail(budget, f"wrong {n}")
    with pytest.raises(BudgetExhausted):
        succeed(budget, "right")
    clock.now += WINDOW + timedelta(seconds=1)
    succeed(budget, "right")


@pytest.mark.fault("sign-in", "a crash cuts a sign-in short", "it counts against the budget and is no refusal", promise="ban")
def test_attempt_cut_short_counts_but_is_no_refusal(budget):
    for _ in range(LIMIT):
        with pytest.raises(KeyboardInterrupt), budget.attempt("web", "backup", "right"):
            raise KeyboardInterrupt
    with pytest.raises(BudgetExhausted):
        succeed(budget, "right")


def test_success_frees_the_budget(budget):
    for n in range(LIMIT - 1):
        fail(budget, f"wrong {n}")
    succeed(budget, "right")
    for n in range(LIMIT - 1):
        fail(budget, f"also wrong {n}")
    succeed(budget, "right")


def test_last_attempt_that_the_pbx_leaves_is_not_risked(budget):
    fail(budget, "wrong", remaining=1)
    with pytest.raises(BudgetExhausted, match="only 1"):
        succeed(budget, "right")


@pytest.mark.parametrize(("remain_time", "ban"), [(None, SHORTEST_BAN), (4, SHORTEST_BAN), (900, timedelta(seconds=900))])
def test_lockout_is_waited_for(budget, clock, remain_time, ban):
    with budget.attempt("web", "backup", "right") as attempt:
        attempt.locked(remain_time)
    clock.now += ban - timedelta(seconds=1)
    with pytest.raises(LockedOut):
        succeed(budget, "right")
    clock.now += timedelta(seconds=2)
    succeed(budget, "right")


def test_budget_is_one_pbx_only(budget, clock):
    for n in range(LIMIT):
        fail(budget, f"wrong {n}")
    succeed(SignInBudget(budget._catalog, "https://other.example.com:8089", clock), "right")


def test_budget_outlives_the_process_that_spent_it(catalog_url, clock):
    for n in range(LIMIT):
        with Catalog.open(catalog_url) as catalog:
            fail(SignInBudget(catalog, URL, clock), f"wrong {n}")
    with Catalog.open(catalog_url) as catalog, pytest.raises(BudgetExhausted):
        succeed(SignInBudget(catalog, URL, clock), "right")


def test_catalog_holds_no_password(tmp_path, clock):
    with Catalog.open(f"sqlite:///{tmp_path}/catalog.db") as catalog:
        fail(SignInBudget(catalog, URL, clock), "a-very-secret-password")
    assert all(b"a-very-secret-password" not in path.read_bytes() for path in tmp_path.iterdir())


def test_pbx_that_asked_for_a_second_factor_is_not_made_to_send_another_code_for_a_day(budget, clock):
    with budget.attempt("web", "backup", "right") as attempt:
        attempt.wants_person()
    with pytest.raises(SecondFactorRequired):
        succeed(budget, "right")
    clock.now += WINDOW + timedelta(minutes=1)
    succeed(budget, "right")


def test_second_factor_counts_as_no_failure_and_a_person_ends_the_pause(budget):
    for _ in range(LIMIT + 1):
        budget.person_needed("backup", "right")
    budget.person_signed_in("backup", "right")
    succeed(budget, "right")


def test_who_only_looks_finds_the_budget_of_the_key_that_the_address_showed(catalog, clock):
    fail(SignInBudget(catalog, URL, clock, pin="sha256//aaa"), "wrong")
    assert known_budget(catalog, URL, clock).left() == PBX_LIMIT - 1
    assert known_budget(catalog, "https://elsewhere.example.com", clock).left() == PBX_LIMIT


def test_what_a_person_was_refused_counts_like_any_other(budget):
    for _ in range(LIMIT):
        budget.person_refused("backup", None, None)
    assert budget.left() == PBX_LIMIT - LIMIT
    with pytest.raises(BudgetExhausted):
        succeed(budget, "right")
    budget.person_signed_in("backup", None)
    assert budget.left() == PBX_LIMIT


def test_pbx_that_says_fewer_are_left_is_believed(budget):
    budget.person_refused("backup", None, 2)
    assert budget.left() == 2
    budget.person_refused("backup", None, None)
    assert budget.left() == 1


def test_configured_password_that_a_person_was_refused_with_is_not_sent_again(budget):
    budget.person_refused("backup", "wrong", None)
    with pytest.raises(PasswordRefused):
        succeed(budget, "wrong")
    succeed(budget, "right")


def test_ban_that_a_person_met_leaves_nothing_and_is_over_once_somebody_is_in_by_that_way(budget):
    budget.person_locked("backup", 600)
    assert budget.left() == 0
    with pytest.raises(LockedOut):
        succeed(budget, "right")
    budget.person_signed_in("backup", None)
    assert budget.left() == PBX_LIMIT
    succeed(budget, "right")


def test_what_is_left_of_many_budgets_is_what_is_left_of_each(catalog, clock):
    urls = [f"https://pbx{number}.example.com:8089" for number in range(5)]
    budgets = [SignInBudget(catalog, url, clock, pin="sha256//its-key" if number == 4 else None) for number, url in enumerate(urls)]
    for number, budget in enumerate(budgets[1:]):
        succeed(budget, "right")
        for failure in range(number):
            fail(budget, f"wrong{failure}", None)
    with budgets[1].attempt("web", "backup", "another") as attempt:
        attempt.locked(300)
    left = [known_budget(catalog, url, clock).left() for url in urls]
    assert (budgets_left(catalog, urls, clock), left) == (left, [5, 0, 4, 3, 2])
    clock.now += WINDOW
    assert budgets_left(catalog, urls, clock) == [5] * 5
