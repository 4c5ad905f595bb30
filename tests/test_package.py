"""What is shipped: the wheel, its resources, the pins and the reasons."""

import os
import re
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
