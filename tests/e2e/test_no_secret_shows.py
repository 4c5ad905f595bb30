"""No secret in any log, file, repr, argv, window text or exception."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from tests.e2e.test_tour import environment

pytestmark = pytest.mark.e2e
PROGRAM = Path(__file__).parent / "programs" / "leaks.py"


def test_no_secret_shows_anywhere_while_everything_is_used(tmp_path):
    run = subprocess.run(
        [sys.executable, PROGRAM, tmp_path / "home" / "pictures"],
        env=environment(tmp_path / "home", QT_QPA_PLATFORM="offscreen"),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    report = json.loads(run.stdout.splitlines()[-1])
    kinds = {name.split()[0] for name in report["secrets"]}
    assert kinds >= {"secret", "keyring", "TURN", "signature", "spent", "wrong"}
    assert report["characters"] > 1_000_000
    assert report["found"] == []
    assert report["recordings"]
    for recording in report["recordings"]:  # of whole sessions, whose passwords were secrets above
        assert '"SDP_OFFER"' in recording
        assert "inbound-rtp" in recording
    log = (tmp_path / "home" / "debug.log").read_text()
    assert "spent token refused" in log
