"""A backfill's window as one strip: how each of its days stands."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from itertools import groupby

from markupsafe import Markup

from scraper.backfill import Span
from scraper.catalog import BackfillSlice, SliceState

_WIDTH = 1000


def strip(span: Span, slices: Sequence[BackfillSlice]) -> Markup:
    """An SVG whose parts have the classes ``done``, ``lacking`` (done, but recordings are missing), ``running``, ``waiting``, ``failed``.

    Neighbours that stand alike are one part, so that it stays small.
    """
    ordered = sorted(slices, key=lambda one: one.since)
    parts = []
    for state, group in groupby(ordered, key=_state):
        alike = list(group)
        start, end = (_WIDTH * (day - span.since).days / span.days for day in (alike[0].since, alike[-1].until))
        words = f"{alike[0].since} to {alike[-1].until - timedelta(days=1)}: {state}"
        parts.append(
            Markup('<rect class="{}" x="{:.1f}" width="{:.1f}" height="20"><title>{}</title></rect>').format(
                state, start, end - start, words
            )
        )
    return Markup('<svg class="strip" viewBox="0 0 {} 20" preserveAspectRatio="none" aria-hidden="true">{}</svg>').format(
        _WIDTH, Markup("").join(parts)
    )


def _state(one: BackfillSlice) -> str:
    return "lacking" if one.state is SliceState.DONE and one.open else one.state.value
