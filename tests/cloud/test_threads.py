"""Threads of blocking calls: kept for the next call, never in the way of the end."""

import threading

import pytest

from peerdeck.cloud.threads import CallThreads


def names():
    return [thread.name for thread in threading.enumerate()]


async def test_a_thread_rests_for_the_next_call_and_bears_its_name():
    threads = CallThreads("aws")
    first = await threads.run(
        "one", lambda: (threading.get_ident(), threading.current_thread().name)
    )
    second = await threads.run(
        "two", lambda: (threading.get_ident(), threading.current_thread().name)
    )
    assert first[0] == second[0] != threading.get_ident()
    assert (first[1], second[1]) == ("aws/one", "aws/two")
    await threads.aclose()


async def test_closing_leaves_no_thread_and_takes_no_call():
    before = set(threading.enumerate())
    threads = CallThreads("aws")
    with pytest.raises(ZeroDivisionError):
        await threads.run("fails", lambda: 1 / 0)
    await threads.aclose()
    assert set(threading.enumerate()) == before
    with pytest.raises(RuntimeError, match="closed"):
        await threads.run("late", lambda: None)


async def test_what_a_call_held_is_let_go_while_its_thread_rests():
    class Held:
        pass

    import weakref

    held = Held()
    gone = weakref.ref(held)
    threads = CallThreads("aws")
    await threads.run("one", lambda held=held: None)
    await threads.run("two", lambda: None)  # on the same thread, so the first call is over
    del held
    assert gone() is None
    await threads.aclose()
