"""SecretStore against a real Secret Service, in a process and on a D-Bus of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="gnome-keyring")

PROGRAM = """
import asyncio, json, sys
from peerdeck.core.secret import Secret
from peerdeck.storage.secrets import SecretStore

async def main():
    store = SecretStore(timeout_s=float(sys.argv[1]))
    await store.put("t-1/source", Secret("token-of-the-source"))
    again = SecretStore(timeout_s=float(sys.argv[1]))
    kept = await again.get("t-1/source")
    await store.delete("t-1/source")
    gone = await again.get("t-1/source")
    print(json.dumps({
        "where": store.where, "warning": store.warning,
        "kept": kept and kept.reveal(), "gone": gone is None,
    }))

asyncio.run(main())
"""
UNLOCK = r"printf '\n' | gnome-keyring-daemon --unlock --components=secrets >/dev/null"
LOCKED = "gnome-keyring-daemon --start --components=secrets >/dev/null"


def run(tmp_path: Path, *, before: str, dbus: bool = True, timeout_s: float = 20.0) -> dict:
    """PROGRAM's report, run in tmp_path as home; `before` is a shell command on the same bus."""
    tmp_path.chmod(0o700)
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    environment = {
        "HOME": str(tmp_path),
        "XDG_RUNTIME_DIR": str(tmp_path),
        "XDG_DATA_HOME": str(tmp_path / "data"),
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    shell = f"{before}; exec {sys.executable} -W error program.py {timeout_s}"
    command = ["sh", "-c", shell]
    done = subprocess.run(
        ["dbus-run-session", "--", *command] if dbus else command,
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_secrets_are_kept_by_a_real_secret_service_and_leave_it_again(tmp_path):
    assert run(tmp_path, before=UNLOCK) == {
        "where": "keyring",
        "warning": "",
        "kept": "token-of-the-source",
        "gone": True,
    }
    # Not rglob(): the daemon, which ends with its bus, may be clearing its sockets away.
    found = [Path(folder, name) for folder, _, names in os.walk(tmp_path) for name in names]
    files = [path for path in found if path.is_file() and path.name != "program.py"]
    assert any(path.suffix == ".keyring" for path in files)
    assert not [path for path in files if b"token-of-the-source" in path.read_bytes()]


def test_without_d_bus_secrets_stay_in_memory(tmp_path):
    report = run(tmp_path, before="true", dbus=False)
    assert report["where"] == "memory"
    assert report["warning"].startswith("This system has no keyring.")
    assert report["kept"] is None


def test_keyring_that_cannot_be_created_stays_unused(tmp_path):
    report = run(tmp_path, before=LOCKED, timeout_s=5.0)
    assert report["where"] == "memory"
    assert report["kept"] is None
    assert report["warning"].startswith("The keyring is locked.")


def test_locked_keyring_that_nobody_can_unlock_does_not_hang(tmp_path):
    assert run(tmp_path, before=UNLOCK.replace(r"\n", r"password\n"))["where"] == "keyring"
    report = run(tmp_path, before=LOCKED, timeout_s=5.0)
    assert report["where"] == "memory"
    assert report["kept"] is None
    assert report["warning"].startswith("The keyring is locked.")
