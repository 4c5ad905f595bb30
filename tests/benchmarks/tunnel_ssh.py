"""`ssh -L` and an sshd with keys of their own, for the tunnel benchmark."""

import contextlib
import getpass
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from tunnel_parts import listener


@contextlib.contextmanager
def ssh_forward(
    folder: Path, targets: dict[str, int]
) -> Iterator[tuple[dict[str, int], tuple[int, int]]]:
    """Yields a local port for every target, and the processes of client and server."""
    sshd = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin")
    if sshd is None:
        raise RuntimeError("sshd is missing: Debian's openssh-server has it")
    for name in ("host", "user"):
        keygen = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)]
        subprocess.run(keygen, check=True)
    (folder / "authorized").write_text((folder / "user.pub").read_text())
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # its privilege separation wants it
    port, *ports = (free_port() for _ in range(1 + len(targets)))
    local = dict(zip(targets, ports, strict=True))
    config = folder / "config"
    config.write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder}/host\nPidFile none\nUsePAM no\n"
        f"AuthorizedKeysFile {folder}/authorized\nStrictModes no\nPermitRootLogin yes\n"
    )
    server = subprocess.Popen([sshd, "-D", "-e", "-f", str(config)], stderr=subprocess.DEVNULL)
    forwards = [f"-L{at}:127.0.0.1:{targets[name]}" for name, at in local.items()]
    wait_for(port)
    client = subprocess.Popen(
        ["ssh", "-N", "-F", "none", "-p", str(port), "-i", str(folder / "user"), "-l",
         getpass.getuser(), "-o", "StrictHostKeyChecking=no", "-o", "LogLevel=ERROR", "-o",
         f"UserKnownHostsFile={folder}/known", *forwards, "127.0.0.1"],
    )  # fmt: skip
    try:
        for at in local.values():
            wait_for(at)
        yield local, (client.pid, server.pid)
    finally:
        for process in (client, server):
            process.terminate()
            process.wait(5)


def free_port() -> int:
    with listener() as server:
        port: int = server.getsockname()[1]
        return port


def wait_for(port: int, seconds: float = 15.0) -> None:
    end = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)
        else:
            return
