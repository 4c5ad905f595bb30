"""Tasks of the window: one per name, failures told once, nothing left behind."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from peerdeck.core.errors import UserError
from peerdeck.gui.tasks import TaskOwner

OnLoop = Callable[[Callable[[], Awaitable[Any]]], Any]


def test_same_name_replaces_and_only_the_last_one_finishes(on_loop: OnLoop) -> None:
    done: list[str] = []

    async def body() -> None:
        owner = TaskOwner("page")
        finished: list[str] = []
        ended = asyncio.Event()
        owner.finished.connect(finished.append)
        owner.finished.connect(lambda _: ended.set())

        async def work(word: str) -> None:
            await asyncio.sleep(0)
            done.append(word)

        owner.run("load", work("first"))
        owner.run("load", work("second"))
        assert owner.is_running("load")
        await ended.wait()
        assert finished == ["load"]
        await owner.aclose()

    on_loop(body)
    assert done == ["second"]


def test_user_error_arrives_as_it_is(on_loop: OnLoop) -> None:
    told: list[tuple[str, UserError]] = []
    problem = UserError("No.", "Try later.")

    async def body() -> None:
        owner = TaskOwner("page")
        ended = asyncio.Event()
        owner.failed.connect(lambda name, error: told.append((name, error)))
        owner.finished.connect(lambda _: ended.set())

        async def fail() -> None:
            raise problem

        owner.run("load", fail())
        await ended.wait()
        await owner.aclose()

    on_loop(body)
    assert told == [("load", problem)]


def test_a_bug_is_logged_with_traceback_and_told_calmly(
    on_loop: OnLoop, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[UserError] = []

    async def body() -> None:
        owner = TaskOwner("page")
        ended = asyncio.Event()
        owner.failed.connect(lambda _, error: told.append(error))
        owner.finished.connect(lambda _: ended.set())

        async def fail() -> None:
            raise KeyError("inner")

        owner.run("load", fail())
        await ended.wait()
        await owner.aclose()

    with caplog.at_level(logging.ERROR):
        on_loop(body)
    assert told[0].detail == "KeyError"
    assert "inner" not in str(told[0])
    assert caplog.records[0].exc_info is not None
    assert "page/load" in caplog.text


def test_closing_cancels_awaits_and_refuses_later_work(on_loop: OnLoop) -> None:
    ended: list[str] = []

    async def body() -> None:
        owner = TaskOwner("page")
        begun = asyncio.Event()

        async def endless() -> None:
            begun.set()
            try:
                await asyncio.Event().wait()
            finally:
                await asyncio.sleep(0)  # cleaning up takes a turn of the loop
                ended.append("cleaned up")

        owner.run("watch", endless())
        await begun.wait()
        await owner.aclose()
        await owner.aclose()
        owner.run("watch", endless())
        assert owner.names == ()

    on_loop(body)
    assert ended == ["cleaned up"]


def test_a_replaced_task_is_awaited_when_closing(on_loop: OnLoop) -> None:
    async def body() -> None:
        owner = TaskOwner("page")
        begun = asyncio.Event()

        async def slow_to_leave() -> None:
            begun.set()
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                await asyncio.sleep(0.01)
                raise

        owner.run("load", slow_to_leave())
        await begun.wait()
        owner.run("load", slow_to_leave())
        await owner.aclose()

    on_loop(body)  # which fails where a task is left
