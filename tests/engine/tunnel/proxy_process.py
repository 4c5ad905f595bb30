"""A proxy in a process of its own, to be killed; run as a program, or started by `ProxyProcess`."""

import asyncio
import json
import subprocess
import sys
from typing import Any

from peerdeck.core.secret import Secret
from peerdeck.core.tunnel import Mode
from peerdeck.engine.tunnel import Limits, TunnelProxy


async def run(mode: str, url: str, token: str, client_token: str, more: dict[str, Any]) -> None:
    proxy = TunnelProxy(
        mode=Mode(mode),
        url=url,
        access_token=Secret(token),
        client_token=Secret(client_token),
        targets={name: ("127.0.0.1", port) for name, port in more.get("targets", {}).items()},
        listen=more.get("listen", {}),
        limits=Limits(backoff_base_s=0.05, backoff_cap_s=0.2),
    )
    await proxy.start()
    ports = {row.service: row.port for row in proxy.snapshot().services}
    print(json.dumps(ports), flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await proxy.aclose()


class ProxyProcess:
    """`ports` by service, once started; blocks until then."""

    def __init__(self, mode: Mode, url: str, token: Secret, **more: object) -> None:
        self._arguments = [mode.value, url, token.reveal(), "c" * 32 + mode.value, more]
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(self._arguments) + "\n")
        self.process.stdin.flush()
        self.ports: dict[str, int] = json.loads(self.process.stdout.readline())

    def kill(self) -> None:
        self.process.kill()
        self.end()

    def end(self) -> None:
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            pipe.close()
        self.process.wait(10)


if __name__ == "__main__":
    asyncio.run(run(*json.loads(sys.stdin.readline())))
