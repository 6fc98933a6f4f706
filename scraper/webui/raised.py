"""What Playwright raises, by names of our own; imported when something is first caught.

Playwright takes a quarter of a second to import, which a job that never opens a browser saves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.async_api import Error as PlaywrightError
    from playwright.async_api import TimeoutError as PlaywrightTimeout

__all__ = ["PlaywrightError", "PlaywrightTimeout"]


def __getattr__(name: str) -> type[Exception]:
    from playwright import async_api

    if name not in __all__:
        raise AttributeError(name)
    return async_api.TimeoutError if name == "PlaywrightTimeout" else async_api.Error
