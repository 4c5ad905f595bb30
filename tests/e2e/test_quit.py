"""Quitting in the middle of everything leaves nothing behind, soon."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.e2e.test_tour import environment, started_with

pytestmark = pytest.mark.e2e
ROOT = Path(__file__).parents[2]
QUIT_S = 2.0


def test_quitting_amid_session_and_transfer_leaves_nothing_within_2_s(x_display, tmp_path):
    run = subprocess.run(
        [sys.executable, "-W", "error", Path(__file__).parent / "programs" / "quit.py", tmp_path],
        env=environment(tmp_path / "home", DISPLAY=x_display),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    report = json.loads(run.stdout.splitlines()[-1])
    assert report["got"] == 1_000_000
    assert report["close_s"] < QUIT_S
    assert report["tasks"] == []
    assert report["threads"] == []
    assert report["children"] == 0
    assert report["sockets"] == []
    assert run.stderr == ""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_ends_window_and_cloud_cleanly(x_display, tmp_path, number):
    home = tmp_path / "home"
    program = subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "peerdeck", "--demo"],
        env=environment(home, DISPLAY=x_display),
        stderr=subprocess.PIPE,
        text=True,
    )
    # The local cloud is a process of its own; once it is there, the window's loop is running.
    wait_until(lambda: any("localcloud" in line for line in started_with(home)))
    program.send_signal(number)
    _, errors = program.communicate(timeout=10)
    assert (program.returncode, errors) == (0, "")
    wait_until(lambda: started_with(home) == [])


def wait_until(condition: Callable[[], bool]) -> None:
    """Of other processes, which tell nobody when they come and go: looks, and looks again."""
    deadline = time.monotonic() + 15
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
