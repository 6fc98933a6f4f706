"""What both families of the HTTPS API have in common, seen from above."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Literal, Protocol

from scraper.api.pace import Pace
from scraper.api.reply import Reply
from scraper.api.transport import Transport
from scraper.budget import SignInBudget

Kind = Literal["https", "legacy"]


@dataclass(frozen=True, slots=True)
class Account:
    """An API user, and the budget that its sign-ins come from. The password is never shown."""

    username: str
    password: str = field(repr=False)
    budget: SignInBudget


class Family(Protocol):
    """One of the two: knows how to sign in and how a call is put."""

    @property
    def kind(self) -> Kind: ...

    @property
    def pace(self) -> Pace: ...

    @property
    def transport(self) -> Transport: ...

    def ready(self) -> None:
        """Be signed in. Raises what signing in raises, and :class:`~scraper.api.answers.NotNow` where nothing secret was sent."""
        ...

    def forget(self) -> None:
        """The session is over."""
        ...

    def open(self, action: str, params: Mapping[str, str]) -> AbstractContextManager[Reply]:
        """The answer to a call, its HTTP status judged, its body still arriving."""
        ...

    def close(self) -> None:
        """Sign out, and close every connection. Raises nothing of ours."""
        ...
