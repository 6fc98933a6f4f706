"""The fault matrix in the documentation is what the tests say, and leaves out no fault of the simulation and no promise."""

from __future__ import annotations

import fault_matrix
import pytest

from scraper.simulator.faults import CATALOGUE


@pytest.fixture(scope="module")
def rows(request):
    """All rows: of this session where all tests were collected, else collected for it."""
    here = {item.path for item in request.session.items}
    chosen = request.config.option.keyword or request.config.option.markexpr or any("::" in word for word in request.config.args)
    whole = not chosen and here >= set(fault_matrix.marked_files())
    return fault_matrix.rows_of(request.session.items) if whole else fault_matrix.collect()


def test_the_page_is_what_the_marks_say(rows):
    assert fault_matrix.PAGE.read_text() == fault_matrix.page(rows), f"write docs/faults.md anew: {fault_matrix.COMMAND}"


def test_each_marked_test_is_run_and_asserts_what_it_states(rows):
    assert [flaw for row in rows for flaw in row.flaws] == []


def test_each_fault_of_the_simulation_has_a_row_and_no_other_is_named(rows):
    assert {name for row in rows for name in fault_matrix.switches(row)} == set(CATALOGUE)


def test_each_promise_has_its_tests(rows):
    shown = [row.promise for row in rows]
    assert {key: shown.count(key) for key in fault_matrix.PROMISES if shown.count(key) < 3} == {}
    assert [room for promise in fault_matrix.PROMISES.values() for room in promise.kept_by if not (fault_matrix.ROOT / room).exists()] == []


def test_there_are_as_many_rows_as_were_promised(rows):
    assert len(rows) >= 80
