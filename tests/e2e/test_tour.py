"""The whole program as a user starts it: a real window on a real X server, a child cloud."""

import contextlib
import os
import re
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from PySide6.QtGui import QImage

ROOT = Path(__file__).parents[2]
BOUND_S = 75

pytestmark = pytest.mark.e2e


def environment(home: Path, **more: str) -> dict[str, str]:
    """A user who has never started the program and has no AWS configuration."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    home.mkdir(exist_ok=True)
    return {**kept, "HOME": str(home), "PYTHONPATH": str(ROOT / "app"), **more}


def started_with(home: Path) -> list[str]:
    """Command lines of processes that live in `home`, which is nobody else's."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get("HOME") == str(home):
                found.append(" ".join(process.cmdline()))
    return found


def test_tour_shows_every_step_on_a_real_screen(x_display, tmp_path):
    pictures = tmp_path / "pictures"
    run = subprocess.run(
        [
            sys.executable,
            "-W",
            "error",
            "-m",
            "peerdeck",
            "--demo",
            "--tour",
            pictures,
        ],
        env=environment(tmp_path / "home", DISPLAY=x_display),
        capture_output=True,
        text=True,
        timeout=BOUND_S,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert len(re.findall(r"^  ✓ ", run.stdout, re.MULTILINE)) == 19
    assert run.stderr == ""
    names = {path.name for path in pictures.glob("*.png")}
    assert {
        "1-channels.png",
        "3-silent-turn.png",
        "4-session.png",
        "7-tunnels.png",
        "9-journal.png",
        "10-recording.png",
        "11-master.png",
    } <= names
    for path in pictures.glob("*.png"):
        image = QImage(str(path))
        colours = {image.pixel(x, y) for x in range(0, 1280, 16) for y in range(0, 800, 16)}
        assert len(colours) > 8, f"{path.name} is blank"
    assert started_with(tmp_path / "home") == []


def test_tour_fails_when_a_step_does_not_happen(x_display, tmp_path):
    """The check can fail: a camera that never answers ends the tour with status 1."""
    code = f"""
import sys
from pathlib import Path
from peerdeck.gui.app import run
from peerdeck.gui.tour import conductor, steps
from peerdeck.gui.tour.driver import Driver

async def impatient_join(driver):
    Driver.until.__kwdefaults__["bound_s"] = 1.5
    return await steps.join(driver)

steps.CAMERA = "lobby"
wanted = (steps.sign_in, steps.list_channels, steps.fetch_ice, steps.join)
conductor.STEPS = tuple(
    (name, impatient_join if step is steps.join else step)
    for name, step in conductor.STEPS
    if step in wanted
)
sys.exit(run(demo=True, tour=Path({str(tmp_path / "pictures")!r})))
"""
    run = subprocess.run(
        [sys.executable, "-c", code],
        env=environment(tmp_path / "home", DISPLAY=x_display),
        capture_output=True,
        text=True,
        timeout=BOUND_S,
        check=False,
    )
    assert run.returncode == 1, run.stdout + run.stderr
    assert "✗  4 Join as viewer" in run.stdout
    assert (tmp_path / "pictures" / "failed.png").exists()


def test_tour_needs_the_demo(tmp_path):
    run = subprocess.run(
        [sys.executable, "-m", "peerdeck", "--tour"],
        env=environment(tmp_path / "home"),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert run.returncode == 2
    assert "--tour needs --demo" in run.stderr
