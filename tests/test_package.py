"""What is shipped: the wheel, its resources, the pins and the reasons."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    from hatchling.builders.wheel import WheelBuilder

    out = tmp_path_factory.mktemp("wheel")
    (path,) = WheelBuilder(str(ROOT)).build(directory=str(out), versions=["standard"])
    return Path(path)


def test_wheel_holds_program_and_resources(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert "peerdeck/__main__.py" in names
    assert any(name.startswith("peerdeck/resources/icons/") for name in names)
    assert any(name.startswith("peerdeck/resources/styles/") for name in names)
    assert not [name for name in names if "test" in name]


def test_wheel_finds_its_resources_without_the_checkout(wheel, tmp_path):
    zipfile.ZipFile(wheel).extractall(tmp_path)
    run = subprocess.run(
        [sys.executable, "-c", "from peerdeck.gui import assets; print(assets.resources())"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=True,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
    )
    assert Path(run.stdout.strip()) == (tmp_path / "peerdeck" / "resources").resolve()


def test_version_is_said_once():
    from peerdeck import __version__

    assert PROJECT["project"]["version"] == __version__


def test_every_dependency_has_its_reason_beside_it():
    text = (ROOT / "pyproject.toml").read_text()
    block = text.split("dependencies = [", 1)[1].split("\n]", 1)[0]
    rows = [row.strip() for row in block.splitlines() if row.strip()]
    assert len(rows) == len(PROJECT["project"]["dependencies"])
    assert [row for row in rows if not re.search(r'",\s+# \w', row)] == []


def test_every_dependency_is_pinned():
    pins = {
        re.split(r"==", line)[0].lower().replace("_", "-")
        for line in (ROOT / "packaging" / "constraints.txt").read_text().splitlines()
        if "==" in line and not line.startswith("#")
    }
    wanted = PROJECT["project"]["dependencies"] + PROJECT["dependency-groups"]["dev"]
    names = {re.match(r"[\w.-]+", item)[0].lower().replace("_", "-") for item in wanted}
    assert names <= pins


def test_no_package_shadows_pypas_packaging():
    assert not (ROOT / "packaging" / "__init__.py").exists()


@pytest.fixture
def bare_checkout(tmp_path: Path) -> Path:
    """As much of a checkout as packaging/dev needs; its environment counts as made, pytest says so,
    and of programs there are only those in bin/."""
    tree = tmp_path / "tree"
    for name in ("pyproject.toml", "packaging/constraints.txt", "packaging/dev"):
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tree / name)
    programs = tree / "bin"
    programs.mkdir()
    for name in ("cat", "cksum", "dirname", "env", "sh"):
        (programs / name).symlink_to(str(shutil.which(name)))
    stamp = "cat pyproject.toml packaging/constraints.txt packaging/dev | cksum >.venv/stamp"
    (tree / ".venv" / "bin").mkdir(parents=True)
    subprocess.run(["sh", "-c", stamp], cwd=tree, check=True)
    say(tree / ".venv" / "bin" / "python", "pytest ran")
    say(programs / "npm", "installed")
    return tree


def say(program: Path, words: str) -> None:
    program.write_text(f"#!/bin/sh\necho {words}\n")
    program.chmod(0o755)


def test_interop_fails_where_a_judge_is_missing_instead_of_skipping_it(bare_checkout):
    def interop() -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            ["packaging/dev", "interop"],
            cwd=bare_checkout,
            env={"PATH": str(bare_checkout / "bin")},
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )

    programs = bare_checkout / "bin"
    say(programs / "node", "")
    for judge in ("chromium", "certutil", "sshd"):
        done = interop()
        if f"missing: {judge}" in done.stderr or judge != "sshd":  # sshd may be in /usr/sbin
            assert done.returncode == 1
            assert f"a judge is missing: {judge}" in done.stderr
            assert "pytest ran" not in done.stdout
        say(programs / judge, "")
    assert "Amazon's SDK" in interop().stderr
    sdk = bare_checkout / "tests/interop/node_modules/amazon-kinesis-video-streams-webrtc/dist"
    sdk.mkdir(parents=True)
    (sdk / "kvs-webrtc.min.js").touch()
    done = interop()
    assert done.returncode == 0, done.stderr
    assert "pytest ran" in done.stdout
