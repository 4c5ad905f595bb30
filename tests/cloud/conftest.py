import os
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import pytest
from aiohttp import web

from peerdeck.cloud.account import AwsAccount
from peerdeck.core.endpoints import Endpoints
from peerdeck.core.secret import Secret

ACCESS_KEY = "AKIAIOSFODNN7EXAMPLE"
SECRET_KEY = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
SESSION_TOKEN = "IQoJb3JpZ2luX2VjEExampleSessionToken" + "Ab9/" * 40


@pytest.fixture(autouse=True)
def bare_machine(monkeypatch, tmp_path):
    """No AWS configuration of whoever runs the tests, and no question to a metadata service."""
    for name in tuple(os.environ):
        if name.startswith("AWS_") or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return tmp_path


@pytest.fixture(autouse=True)
def no_thread_stays():
    before = set(threading.enumerate())
    yield
    left = [thread.name for thread in set(threading.enumerate()) - before]
    assert not [name for name in left if name.startswith("aws/")]


@dataclass
class Seen:
    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Stranger:
    """A plain HTTP server on 127.0.0.1 that answers whatever `answer` says."""

    url: str = ""
    seen: list[Seen] = field(default_factory=list)
    answer: Callable[[web.Request], Awaitable[web.StreamResponse]] | None = None

    def says(self, body: str, *, status: int = 200, **headers: str) -> None:
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        headers.setdefault("content-type", "application/json")

        async def answer(_: web.Request) -> web.Response:
            return web.Response(body=body.encode(), status=status, headers=headers)

        self.answer = answer

    @property
    def endpoints(self) -> Endpoints:
        return Endpoints(
            kinesis_video=self.url,
            kinesis_video_signaling=f"{self.url}/channel",
            iot_secure_tunneling=self.url,
            sts=self.url,
            tunnel_data="ws://127.0.0.1:1",
            stun="stun:127.0.0.1:1",
        )


@pytest.fixture
async def stranger() -> AsyncIterator[Stranger]:
    server = Stranger()

    async def handle(request: web.Request) -> web.StreamResponse:
        body = await request.read()
        server.seen.append(
            Seen(request.method, request.path, request.query_string, dict(request.headers), body)
        )
        return await server.answer(request)

    application = web.Application()
    application.router.add_route("*", "/{rest:.*}", handle)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield server
    await runner.cleanup()


@pytest.fixture
async def open_account() -> AsyncIterator[Callable[..., AwsAccount]]:
    """AwsAccount(…) that is closed at the end; explicit keys unless a profile or None is given."""
    accounts = []

    def open_one(*, explicit: bool = True, **arguments: object) -> AwsAccount:
        keys = {"access_key": Secret(ACCESS_KEY), "secret_key": Secret(SECRET_KEY)}
        account = AwsAccount(**({**keys, **arguments} if explicit else arguments))
        accounts.append(account)
        return account

    yield open_one
    for account in accounts:
        await account.aclose()
