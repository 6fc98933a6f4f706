"""The JSON API does what its OpenAPI document says, whatever it is sent."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import UTC, datetime

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    ignored_auth,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from scraper.models import Report, Trigger
from scraper.service.task import Kind, Stage, Task

KNOWN = "0123456789abcdef0123456789abcdef"

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
    ignored_auth,
    unsupported_method,
]


@pytest.fixture
def document(admin):
    """The app as schemathesis takes it, with a run and an ended task to find."""
    report = Report(KNOWN, "office", Trigger.MANUAL, datetime.now(UTC), finished_at=datetime.now(UTC))
    admin.catalog.start_run(KNOWN, "office", report.trigger, report.window, report.started_at)
    admin.catalog.finish_run(report)
    state = admin.dispatch.ask(Task(Kind.RUN, "office", Trigger.MANUAL, id=KNOWN))
    state.stage, state.result = Stage.ENDED, report.as_json()
    return schemathesis.openapi.from_asgi("/api/v1/openapi.json", admin.app, headers={**admin.bearer, "Host": "localhost"})


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
def test_api_does_as_documented(admin, document, mode):
    for operation in document.get_all_operations():
        try_out(operation.ok(), mode, {**admin.bearer, "Host": "localhost"})


def try_out(operation, mode, headers):
    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(
        max_examples=5, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate]
    )
    def check(case):
        wanted = (case.path_parameters or {}).get("id")
        if re.fullmatch("[0-9a-f]{32}", str(wanted)) and int(str(wanted), 16) % 2:
            case.path_parameters["id"] = KNOWN  # that something is found, too
        case.call_and_validate(headers=headers, checks=CHECKS)

    with suppress(Unsatisfiable):  # nothing about it can be wrong
        check()
