"""A proxy without a window takes its tokens from the keyring and tells how it ended."""

import asyncio

import pytest
from tests.engine.tunnel.tunnel_chain import Chain, Server, until
from tests.services.conftest import DictKeyring

from peerdeck.core.tunnel import LinkState, Mode, TunnelLink
from peerdeck.services.proxying import (
    Failure,
    Patience,
    ProxyFailed,
    ProxyRequest,
    ProxyService,
    _limits,
)
from peerdeck.storage.secrets import SecretStore


@pytest.fixture
async def chain(nothing_left):
    from contextlib import AsyncExitStack

    async with AsyncExitStack() as stack, Server() as server:
        made = Chain(stack, {"SSH": server.port})
        await made.open()
        yield made


def service(keyring: DictKeyring) -> tuple[ProxyService, list[object]]:
    told: list[object] = []
    return ProxyService(SecretStore(backend=keyring), tell=told.append, jitter=lambda: 0.0), told


async def test_tokens_of_the_keyring_work_again_after_a_restart(chain):
    keyring = DictKeyring()
    keyring.held["peerdeck", f"{chain.record.id}/source"] = chain.source_token.reveal()
    request = ProxyRequest(mode=Mode.SOURCE, url=chain.relay.url, tunnel_id=chain.record.id)
    for _ in range(2):
        proxy, _told = service(keyring)
        running = asyncio.ensure_future(proxy.run(request))  # noqa: TID251
        await until(lambda proxy=proxy: proxy.link.state is LinkState.READY)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
    assert keyring.held["peerdeck", f"{chain.record.id}/client-source"]


async def test_a_tunnel_that_the_keyring_does_not_know_is_named(chain):
    proxy, _ = service(DictKeyring())
    request = ProxyRequest(mode=Mode.SOURCE, url=chain.relay.url, tunnel_id="strange")
    with pytest.raises(ProxyFailed, match="no source access token of strange") as caught:
        await proxy.run(request)
    assert caught.value.failure is Failure.FAILED


async def test_attempts_are_counted_and_told(chain):
    chain.relay.suspend()
    proxy, told = service(DictKeyring())
    request = ProxyRequest(
        mode=Mode.SOURCE,
        url=chain.relay.url,
        access_token=chain.source_token,
        patience=Patience(attempts=3, retry_s=0.01),
    )
    with pytest.raises(ProxyFailed) as caught:
        await proxy.run(request)
    assert caught.value.failure is Failure.UNREACHABLE
    links = [link for link in told if isinstance(link, TunnelLink)]
    assert [link.state for link in links].count(LinkState.RECONNECTING) == 2
    await chain.relay.resume()


def test_attempts_on_this_machine_are_those_for_targets_and_for_ports():
    limits = _limits(Patience(local_attempts=7, local_delay_s=0.5))
    assert (limits.dial_attempts, limits.dial_delay_s) == (7, 0.5)
    assert (limits.bind_attempts, limits.bind_delay_s) == (7, 0.5)
    assert _limits(Patience()).bind_attempts == 1, "a port that is taken is said at once"
