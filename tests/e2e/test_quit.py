"""Quitting in the middle of everything leaves nothing behind, soon."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from tests.e2e.test_tour import environment

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
