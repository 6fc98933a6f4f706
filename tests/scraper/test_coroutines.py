"""Ending work on the event loop, however it ends."""

import asyncio

from scraper.coroutines import end


async def cleans_up(seen: list[str]) -> None:
    try:
        await asyncio.sleep(60)
    finally:
        await asyncio.sleep(0.01)
        seen.append("clean")


async def fails() -> None:
    raise ValueError


def test_tasks_have_ended_when_end_returns_whether_they_clean_up_fail_or_are_done():
    async def story() -> tuple[list[str], list[bool]]:
        seen: list[str] = []
        tasks = [asyncio.ensure_future(work) for work in (cleans_up(seen), fails(), asyncio.sleep(0))]
        await asyncio.sleep(0.01)
        await end(*tasks)
        return seen, [task.done() for task in tasks]

    assert asyncio.run(story()) == (["clean"], [True, True, True])
