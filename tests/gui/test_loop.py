"""The window's loop keeps asyncio's rules, and leaves Qt its turns."""

import asyncio
import contextvars
import socket
import threading
from collections.abc import Iterator

import pytest
import qasync
from PySide6.QtCore import QEventLoop, QTimer
from PySide6.QtWidgets import QApplication

from peerdeck.gui.loop import BUDGET_S, BatchingLoop, make_loop

BOUND_S = 10.0


@pytest.fixture
def runner(qapp: QApplication) -> Iterator[asyncio.Runner]:
    with asyncio.Runner(loop_factory=lambda: make_loop(qapp)) as made:
        yield made


def run(runner: asyncio.Runner, coroutine):
    async def bounded():
        async with asyncio.timeout(BOUND_S):
            return await coroutine

    return runner.run(bounded())


def test_it_is_a_loop_of_qasync(runner):
    assert isinstance(runner.get_loop(), BatchingLoop)
    assert isinstance(runner.get_loop(), qasync.QEventLoop)


def test_callbacks_run_in_order_and_new_ones_after_all_of_them(runner):
    async def order():
        loop, done, seen = asyncio.get_running_loop(), asyncio.Event(), []
        loop.call_soon(lambda: (seen.append(1), loop.call_soon(seen.append, 4)))
        loop.call_soon(seen.append, 2)
        loop.call_soon(seen.append, 3)
        loop.call_soon(loop.call_soon, loop.call_soon, done.set)
        await done.wait()
        return seen

    assert run(runner, order()) == [1, 2, 3, 4]


def test_cancelled_callbacks_and_timers_do_not_run(runner):
    async def cancelled():
        loop, seen = asyncio.get_running_loop(), []
        loop.call_soon(seen.append, "soon").cancel()
        loop.call_later(0.001, seen.append, "later").cancel()
        done = loop.create_future()
        loop.call_later(0.01, done.set_result, None)
        await done
        return seen

    assert run(runner, cancelled()) == []


def test_timers_run_in_order_of_their_time_and_never_early(runner):
    async def order():
        loop, seen, early = asyncio.get_running_loop(), [], []
        done = loop.create_future()
        begun = loop.time()

        def note(delay_s: float) -> None:
            seen.append(delay_s)
            if loop.time() < begun + delay_s:
                early.append(delay_s)

        for delay_s in (0.03, 0.001, 0.0145, 0.0, 0.02):
            loop.call_later(delay_s, note, delay_s)
        loop.call_later(0.04, done.set_result, None)
        await done
        return seen, early

    assert run(runner, order()) == ([0.0, 0.001, 0.0145, 0.02, 0.03], [])


def test_deadlines_that_were_met_do_not_pile_up(runner):
    async def many():
        loop = asyncio.get_running_loop()
        for _ in range(20_000):
            loop.call_later(3600, print).cancel()
        return len(loop._due)

    assert run(runner, many()) < 300


def test_a_chain_of_callbacks_leaves_qt_its_timers(runner):
    async def chain():
        loop, done, fired = asyncio.get_running_loop(), asyncio.Event(), []
        timer = QTimer()

        def fire() -> None:
            fired.append(loop.time())
            if len(fired) == 5:
                done.set()

        timer.timeout.connect(fire)
        timer.start(1)
        links = 0

        def link() -> None:
            nonlocal links
            links += 1
            if not done.is_set():
                loop.call_soon(link)

        loop.call_soon(link)
        await done.wait()
        timer.stop()
        return links

    assert run(runner, chain()) > 5


def test_what_a_socket_calls_for_runs_in_its_turn(runner):
    async def turns():
        loop, posts, done = asyncio.get_running_loop(), [], asyncio.Event()
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        post, loop._turns.post = loop._turns.post, lambda: (posts.append(1), post())

        def read() -> None:
            ours.recv(10)
            posts.clear()
            loop.call_soon(posts.append, "in turn")
            loop.call_soon(done.set)

        with ours, theirs:
            loop.add_reader(ours, read)
            theirs.send(b"1")
            await done.wait()
            loop.remove_reader(ours)
            return list(posts)

    # The one that is posted is for who waited for `done`.
    assert run(runner, turns()) == ["in turn", 1]


def test_who_lets_others_go_first_finds_that_qt_has_been(runner):
    async def polite():
        seen = []
        QTimer.singleShot(0, lambda: seen.append("qt"))
        for _ in range(3):
            await asyncio.sleep(0)
        return seen

    assert run(runner, polite()) == ["qt"]


@pytest.mark.parametrize("kind", ["callback", "timer", "socket"])
def test_a_loop_of_qts_amid_a_turn_has_turns_of_its_own(runner, kind):
    async def nested():
        loop, seen, done = asyncio.get_running_loop(), [], asyncio.Event()
        ours, theirs = socket.socketpair()
        inner = QEventLoop()

        def begin() -> None:
            # Nothing else happens in the inner loop: only what is called for can end it.
            QTimer.singleShot(0, lambda: loop.call_soon(end))
            inner.exec()
            seen.append("outer")
            loop.call_soon(done.set)

        def end() -> None:
            seen.append("inner")
            inner.quit()

        def read() -> None:
            loop.remove_reader(ours)
            begin()

        with ours, theirs:
            if kind == "socket":
                loop.add_reader(ours, read)
                theirs.send(b"1")
            elif kind == "timer":
                loop.call_later(0.001, begin)
            else:
                loop.call_soon(begin)
            await done.wait()
        return seen

    assert run(runner, nested()) == ["inner", "outer"]


def test_a_full_batch_is_left_after_its_budget(runner):
    async def batch():
        loop, seen, done = asyncio.get_running_loop(), [], asyncio.Event()

        def busy() -> None:
            seen.append("callback")
            end = loop.time() + BUDGET_S
            while loop.time() < end:
                pass

        QTimer.singleShot(0, lambda: seen.append("timer"))
        for _ in range(100):
            loop.call_soon(busy)
        loop.call_soon(done.set)
        await done.wait()
        return seen.index("timer")

    assert run(runner, batch()) < 50


def test_callbacks_of_threads_run_on_the_loop_each_once(runner):
    async def threads():
        loop, done, seen = asyncio.get_running_loop(), asyncio.Event(), []
        main = threading.get_ident()

        def note(number: int) -> None:
            seen.append((number, threading.get_ident() == main))
            if len(seen) == 4000:
                done.set()

        def call(first: int) -> None:
            for number in range(first, first + 1000):
                loop.call_soon_threadsafe(note, number)

        started = [threading.Thread(target=call, args=(1000 * n,)) for n in range(4)]
        for thread in started:
            thread.start()
        await done.wait()
        for thread in started:
            thread.join()
        return seen

    seen = run(runner, threads())
    assert sorted(number for number, _ in seen) == list(range(4000))
    assert all(on_loop for _, on_loop in seen)


def test_context_goes_with_a_callback(runner):
    name = contextvars.ContextVar("name", default="")

    async def context():
        loop, seen, done = asyncio.get_running_loop(), [], asyncio.Event()
        other = contextvars.copy_context()
        other.run(name.set, "other")
        for call in (loop.call_soon, loop.call_soon_threadsafe):
            call(lambda: seen.append(name.get()), context=other)
        loop.call_later(0, lambda: seen.append(name.get()), context=other)
        loop.call_later(0.005, done.set)
        await done.wait()
        return seen

    assert run(runner, context()) == ["other"] * 3


def test_a_reader_is_replaced_paused_and_resumed(runner):
    async def readers():
        loop = asyncio.get_running_loop()
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        seen, news = [], asyncio.Event()

        def read(name: str) -> None:
            seen.append((name, ours.recv(10)))
            news.set()

        with ours, theirs:
            first = loop._add_reader(ours.fileno(), read, "first")
            loop.add_reader(ours, read, "second")
            assert first.cancelled()
            theirs.send(b"1")
            await news.wait()
            assert loop.remove_reader(ours)
            assert not loop.remove_reader(ours)
            theirs.send(b"2")
            rested = loop.create_future()
            loop.call_later(0.02, rested.set_result, None)
            await rested
            assert seen == [("second", b"1")]
            news.clear()
            loop.add_reader(ours, read, "third")
            await news.wait()
            loop.remove_reader(ours)
        return seen

    assert run(runner, readers()) == [("second", b"1"), ("third", b"2")]


def test_a_number_that_another_socket_got_is_watched_anew(runner):
    async def numbers():
        loop, seen = asyncio.get_running_loop(), []
        for text in (b"one", b"two", b"six"):
            ours, theirs = socket.socketpair()
            ours.setblocking(False)
            with ours, theirs:
                await loop.sock_sendall(ours, text)
                seen.append(theirs.recv(10))
                waiting = asyncio.ensure_future(loop.sock_recv(ours, 10))  # noqa: TID251
                theirs.send(text)
                seen.append(await waiting)
        return seen

    assert run(runner, numbers()) == [b"one", b"one", b"two", b"two", b"six", b"six"]


def test_many_sockets_leave_few_notifiers(runner):
    async def many():
        loop = asyncio.get_running_loop()
        pairs = [socket.socketpair() for _ in range(400)]
        for ours, _ in pairs:
            loop.add_reader(ours, print)
        for ours, theirs in pairs:
            loop.remove_reader(ours)
            ours.close()
            theirs.close()
        return len(loop._readers._idle)

    assert run(runner, many()) <= 256


def test_errors_go_to_the_handler_and_the_rest_goes_on(runner):
    async def errors():
        loop, seen, done = asyncio.get_running_loop(), [], asyncio.Event()
        loop.set_exception_handler(lambda _, context: seen.append(context["exception"]))
        loop.call_soon(lambda: 1 / 0)
        loop.call_soon(done.set)
        await done.wait()
        return seen

    (error,) = run(runner, errors())
    assert isinstance(error, ZeroDivisionError)


def test_a_closed_loop_takes_nothing(qapp):
    loop = make_loop(qapp)
    loop.call_later(0.001, print)
    loop.call_soon(print)
    loop.close()
    loop.close()
    with pytest.raises(RuntimeError, match="closed"):
        loop.call_soon(print)
    with pytest.raises(RuntimeError, match="closed"):
        loop.call_soon_threadsafe(print)


def test_a_loop_may_run_again_and_finish_what_was_left(runner):
    seen = []

    async def leave() -> None:
        asyncio.get_running_loop().call_later(0.005, seen.append, "left")

    async def wait() -> None:
        done = asyncio.Event()
        asyncio.get_running_loop().call_later(0.01, done.set)
        await done.wait()

    run(runner, leave())
    run(runner, wait())
    assert seen == ["left"]
