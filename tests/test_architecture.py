"""The house keeps its shape: contracts, sizes, pins, and no path of a machine in the source."""

import ast
import gc
import logging
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
APP = ROOT / "app" / "peerdeck"
SOURCES = sorted(APP.rglob("*.py"))


def tracked_files() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [ROOT / name for name in listed.stdout.split("\0") if name]


def test_import_contracts_hold():
    """In a process of its own: import-linter configures logging anew, and other tests read logs."""
    command = "from importlinter.cli import lint_imports_command as lint; lint()"
    done = subprocess.run(
        [sys.executable, "-c", command, "--no-cache"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT / "app")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    known = logging.root.manager.loggerDict.values()
    assert not [one for one in known if isinstance(one, logging.Logger) and one.disabled]


@pytest.mark.parametrize("room", ["core", "protocol"])
def test_pure_rooms_ask_no_clock(room):
    """`datetime` is a value; `datetime.now()` is a clock."""
    for source in (APP / room).rglob("*.py"):
        assert not re.search(r"\.(now|utcnow|today)\(", source.read_text()), source


def test_every_room_says_what_it_is_for():
    for init in APP.rglob("__init__.py"):
        text = init.read_text()
        assert ast.get_docstring(ast.parse(text)), f"{init} has no note"


def test_files_and_functions_stay_small():
    too_long: list[str] = []
    for source in SOURCES:
        text = source.read_text()
        if text.count("\n") > 400:
            too_long.append(f"{source}: file")
        for node in ast.walk(ast.parse(text)):
            length = (getattr(node, "end_lineno", 0) or 0) - getattr(node, "lineno", 0)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and length > 60:
                too_long.append(f"{source}:{node.lineno} {node.name}")
            if isinstance(node, ast.ClassDef) and length > 300:
                too_long.append(f"{source}:{node.lineno} {node.name}")
    assert not too_long


def test_colours_and_sizes_are_named_in_the_theme_alone():
    for source in SOURCES:
        if source.name != "theme.py":
            assert not re.search(r"[\"']#[0-9A-Fa-f]{6}\b", source.read_text()), source


def test_no_path_of_a_machine_in_the_project():
    for path in tracked_files():
        if path.suffix in {".png", ".gz"} or path.name == "test_architecture.py":
            continue
        text = path.read_text()
        assert "/work/" not in text, path
        assert "/root/" not in text, path


def test_pyside_keeps_its_references_to_none():
    """PySide6 6.12.0 drops one on almost every call and aborts after some thousands."""
    from PySide6.QtCore import QObject

    thing = QObject()
    gc.collect()
    before = sys.getrefcount(None)
    for number in range(10_000):
        thing.setObjectName(str(number))
    assert abs(sys.getrefcount(None) - before) < 500


def test_window_module_loads_no_heavy_library():
    """They are imported when first needed, so that the window comes first."""
    code = (
        "import sys; import peerdeck.gui.app, peerdeck.wiring; "
        "heavy = {'botocore', 'aiortc', 'av', 'asyncssh', 'numpy', 'aiohttp', 'picows'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={
            "PYTHONPATH": str(ROOT / "app"),
            "QT_QPA_PLATFORM": "offscreen",
            "HOME": "/nonexistent",
        },
    )
    assert run.stdout.strip() == "[]"
