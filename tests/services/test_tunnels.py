"""Tunnels: opened, connected, used, rotated, closed; tokens in the keyring and nowhere else."""

import asyncio
from dataclasses import replace

import pytest
from tests.waiting import until

from peerdeck.cloud.tunneling import SecureTunneling
from peerdeck.core.errors import FieldError, UserError
from peerdeck.core.secret import Secret
from peerdeck.core.tunnel import DeviceHint, LinkState, Mode, TokenState, Tunnel, TunnelRequest
from peerdeck.core.web_proxy import parse_web_proxy
from peerdeck.engine.tunnel import TunnelProxy
from peerdeck.services.status import Status

REQUEST = TunnelRequest(
    thing="pump-07", services=("SSH", "HTTP"), description="ticket 12", tags={"team": "field"}
)


@pytest.fixture
async def opened(devices, console) -> str:
    await until(console.tunnels.state, lambda s: s.status is Status.READY)
    return await console.tunnels.open(REQUEST)


async def ssh_banner(port: int) -> bytes:
    async with asyncio.timeout(10):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        line = await reader.readline()
        writer.close()
        await writer.wait_closed()
        return line


def ports(console, tunnel_id: str) -> dict[str, int]:
    link = console.tunnels.state.value.links[tunnel_id].link
    return {service.service: service.port for service in link.services}


async def test_opened_tunnel_is_listed_and_its_tokens_are_in_the_keyring(console, opened, keyring):
    tunnel = console.tunnels.state.value.by_id(opened)
    assert (tunnel.thing, tunnel.services, tunnel.status) == ("pump-07", ("SSH", "HTTP"), "OPEN")
    assert tunnel.tags == {"team": "field"}
    assert {key for _, key in keyring.held} == {f"{opened}/source", f"{opened}/destination"}
    assert console.tunnels.state.value.secrets_where == "keyring"
    for token in keyring.held.values():
        assert token not in repr(console.tunnels.state.value)
        assert token not in repr(console.journal.entries.value)


async def test_connected_tunnel_carries_ssh_and_counts(console, opened):
    await console.tunnels.connect(opened)
    link = console.tunnels.state.value.links[opened].link
    assert link.state is LinkState.READY
    assert {s.host for s in link.services} == {"127.0.0.1"}
    assert (await ssh_banner(ports(console, opened)["SSH"])).startswith(b"SSH-2.0-")
    state = await until(
        console.tunnels.state,
        lambda s: next(x for x in s.links[opened].link.services if x.service == "SSH").bytes_down,
    )
    ssh = next(x for x in state.links[opened].link.services if x.service == "SSH")
    assert ssh.connections_total == 1
    assert state.by_id(opened).source_connected
    await console.tunnels.disconnect(opened)
    assert opened not in console.tunnels.state.value.links


async def test_port_is_remembered_per_thing_and_service(console, opened):
    await console.tunnels.connect(opened)
    first = ports(console, opened)
    await console.tunnels.disconnect(opened)
    await console.tunnels.connect(opened)
    assert ports(console, opened) == first


async def test_a_second_tunnel_to_a_thing_takes_other_ports(console, opened):
    await console.tunnels.connect(opened)
    other = await console.tunnels.open(REQUEST)
    await console.tunnels.connect(other)
    assert not set(ports(console, opened).values()) & set(ports(console, other).values())
    assert (await ssh_banner(ports(console, other)["SSH"])).startswith(b"SSH-2.0-")


async def test_port_in_use_is_named_and_another_works(console, opened):
    server = await asyncio.start_server(lambda r, w: w.close(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with pytest.raises(UserError, match=f"port {port} for SSH cannot be used: another program"):
        await console.tunnels.connect(opened, {"SSH": port})
    assert opened not in console.tunnels.state.value.links
    server.close()
    await console.tunnels.connect(opened)
    assert (await ssh_banner(ports(console, opened)["SSH"])).startswith(b"SSH-2.0-")


async def test_rotation_keeps_ports_and_works_on(console, opened, keyring):
    await console.tunnels.connect(opened)
    before, tokens = ports(console, opened), dict(keyring.held)
    await console.tunnels.rotate(opened, (Mode.SOURCE, Mode.DESTINATION))
    assert ports(console, opened) == before
    assert keyring.held["peerdeck", f"{opened}/source"] != tokens["peerdeck", f"{opened}/source"]
    await until(console.tunnels.state, lambda s: s.links[opened].link.state is LinkState.READY)
    assert (await ssh_banner(before["SSH"])).startswith(b"SSH-2.0-")


async def test_tunnel_without_token_here_says_rotate(devices, console):
    state = await until(console.tunnels.state, lambda s: s.status is Status.READY)
    foreign = next(tunnel for tunnel in state.tunnels if tunnel.status == "OPEN")
    with pytest.raises(UserError) as caught:
        await console.tunnels.connect(foreign.id)
    assert "not on this machine" in caught.value.title
    await console.tunnels.rotate(foreign.id, (Mode.SOURCE, Mode.DESTINATION))
    await console.tunnels.connect(foreign.id)
    assert (await ssh_banner(ports(console, foreign.id)["SSH"])).startswith(b"SSH-2.0-")


@pytest.mark.parametrize("delete", [False, True])
async def test_closing_ends_the_proxy_and_empties_the_keyring(console, opened, keyring, delete):
    await console.tunnels.connect(opened)
    await console.tunnels.close(opened, delete=delete)
    assert keyring.held == {}
    assert opened not in console.tunnels.state.value.links
    tunnel = console.tunnels.state.value.by_id(opened)
    assert (tunnel is None) == delete
    assert delete or tunnel.status == "CLOSED"


async def test_tunnel_closed_by_somebody_else_is_explained(console, opened, cloud):
    await console.tunnels.connect(opened)
    cloud.state.tunnels.close("eu-west-1", opened)
    state = await until(console.tunnels.state, lambda s: s.links[opened].problem)
    assert state.links[opened].link.state is LinkState.FAILED
    assert state.links[opened].problem.title == "The tunnel is closed (pump-07)."
    assert "Open a new one" in state.links[opened].problem.remedy


async def test_bad_request_is_named_before_anything_is_asked(console):
    with pytest.raises(FieldError, match="Thing"):
        await console.tunnels.open(TunnelRequest(thing="pump 07", services=("SSH",)))
    assert not [e for e in console.journal.entries.value if "Open tunnel" in e.what]


async def test_tokens_stay_in_memory_with_a_warning_where_no_keyring_is(console, devices, keyring):
    def refuse(*_):
        from keyring.errors import NoKeyringError

        raise NoKeyringError("none")

    keyring.set_password = keyring.get_password = refuse
    await until(console.tunnels.state, lambda s: s.status is Status.READY)
    tunnel_id = await console.tunnels.open(REQUEST)
    state = console.tunnels.state.value
    assert state.secrets_where == "memory"
    assert "memory only" in state.warning
    await console.tunnels.connect(tunnel_id)
    assert (await ssh_banner(ports(console, tunnel_id)["SSH"])).startswith(b"SSH-2.0-")


async def test_leaving_the_region_keeps_the_proxy(console, opened):
    await console.tunnels.connect(opened)
    port = ports(console, opened)["SSH"]
    console.account.select_region("us-east-1")
    assert (await ssh_banner(port)).startswith(b"SSH-2.0-")


async def test_changing_the_region_amid_loading_loads_the_other_one(console, monkeypatch):
    await until(console.tunnels.state, lambda s: s.status is Status.READY)
    real, asked = SecureTunneling.describe, asyncio.Event()

    async def held(self: SecureTunneling, tunnel_id: str) -> Tunnel:
        asked.set()
        await asyncio.Event().wait()
        return await real(self, tunnel_id)

    monkeypatch.setattr(SecureTunneling, "describe", held)
    console.account.select_region("us-east-1")
    async with asyncio.timeout(5):
        await asked.wait()
    monkeypatch.setattr(SecureTunneling, "describe", real)
    console.account.select_region("eu-west-1")
    state = await until(console.tunnels.state, lambda s: s.status is Status.READY)
    assert {tunnel.arn.split(":")[3] for tunnel in state.tunnels} == {"eu-west-1"}


async def test_connections_are_listed_with_their_rates(console, opened):
    await console.tunnels.connect(opened)
    _, writer = await asyncio.open_connection("127.0.0.1", ports(console, opened)["SSH"])
    state = await until(
        console.tunnels.state,
        lambda s: any(down for _, down in s.links[opened].connection_rates.values()),
    )
    (row,) = state.links[opened].link.connections
    host, port = writer.get_extra_info("sockname")
    assert (row.service, row.client) == ("SSH", f"{host}:{port}")
    assert row.bytes_down > 0
    history = [event.state for event in state.links[opened].link.history]
    assert history == [LinkState.CONNECTING, LinkState.READY]
    writer.close()
    await writer.wait_closed()


async def test_the_state_of_tokens_is_known(console, opened):
    service = console.tunnels
    assert await service.token_state(opened, Mode.SOURCE) is TokenState.UNUSED
    await service.connect(opened)
    assert await service.token_state(opened, Mode.SOURCE) is TokenState.USED
    assert await service.token_state("strange", Mode.SOURCE) is None
    await service.disconnect(opened)
    await service.rotate(opened, (Mode.SOURCE,))
    assert await service.token_state(opened, Mode.SOURCE) is TokenState.ROTATED
    await until(service.state, lambda s: s.by_id(opened).destination_connected)
    assert await service.token_state(opened, Mode.DESTINATION) is TokenState.USED


@pytest.mark.parametrize("minutes", [10, 2])
async def test_the_end_of_a_lifetime_is_announced(console, opened, minutes, monkeypatch):
    service = console.tunnels
    await service.connect(opened)
    end = service.state.value.by_id(opened).ends_at
    monkeypatch.setattr(service._links, "_clock", lambda: end - 60 * minutes + 1)
    await until(service.state, lambda s: s.links[opened].ends_in_min == minutes)
    said = [e for e in console.journal.entries.value if "ends soon" in e.what]
    assert [entry.result for entry in said] == [f"in {minutes} minutes"]


async def test_a_broken_web_proxy_is_named_without_its_password(console, opened, monkeypatch):
    monkeypatch.setattr(
        console.tunnels._links,
        "_web_proxy_for",
        lambda _: parse_web_proxy("http://ana:geheim@:1", "HTTPS_PROXY"),
    )
    with pytest.raises(UserError) as caught:
        await console.tunnels.connect(opened)
    assert "HTTPS_PROXY" in str(caught.value)
    assert "geheim" not in str(caught.value)


async def test_the_choice_to_refuse_counts_at_once_for_those_that_wait_and_those_that_come(
    console, opened, cloud
):
    await console.tunnels.connect(opened)
    port = ports(console, opened)["SSH"]
    cloud.relay.suspend()
    await until(
        console.tunnels.state, lambda s: s.links[opened].link.state is LinkState.RECONNECTING
    )
    waiting = asyncio.ensure_future(ssh_banner(port))  # noqa: TID251
    await until(console.tunnels.state, lambda s: s.links[opened].link.connections)
    console.settings.change(hold_connections=False)
    with pytest.raises(ConnectionError):
        await waiting
    with pytest.raises(ConnectionError):
        await ssh_banner(port)
    console.settings.change(hold_connections=True)
    held = asyncio.ensure_future(ssh_banner(port))  # noqa: TID251
    await until(console.tunnels.state, lambda s: s.links[opened].link.connections)
    await cloud.relay.resume()
    assert (await held).startswith(b"SSH-2.0-")


@pytest.mark.parametrize("hold", [True, False])
async def test_new_connections_while_the_link_is_down_do_as_the_settings_say(
    console, opened, cloud, hold
):
    console.settings.change(hold_connections=hold)
    await console.tunnels.connect(opened)
    port = ports(console, opened)["SSH"]
    cloud.relay.suspend()
    await until(
        console.tunnels.state, lambda s: s.links[opened].link.state is LinkState.RECONNECTING
    )
    if hold:
        banner = asyncio.ensure_future(ssh_banner(port))  # noqa: TID251
        await until(console.tunnels.state, lambda s: s.links[opened].link.connections)
        await cloud.relay.resume()
        assert (await banner).startswith(b"SSH-2.0-")
    else:
        with pytest.raises(ConnectionError):
            await ssh_banner(port)
        await cloud.relay.resume()


async def test_a_device_of_v1_is_hinted_at_while_it_works(console, devices):
    await until(console.tunnels.state, lambda s: s.status is Status.READY)
    await console.account.faults.switch_on("tunnel-v1-device", {}, None)
    tunnel_id = await console.tunnels.open(replace(REQUEST, services=("SSH",)))
    await console.tunnels.connect(tunnel_id)
    assert (await ssh_banner(ports(console, tunnel_id)["SSH"])).startswith(b"SSH-2.0-")
    state = await until(
        console.tunnels.state, lambda s: s.links[tunnel_id].link.hint is not DeviceHint.NONE
    )
    assert state.links[tunnel_id].link.hint is DeviceHint.V1


async def test_a_command_that_takes_the_tunnel_over_is_named_and_not_fought(
    console, opened, cloud, keyring
):
    await console.tunnels.connect(opened)
    rival = TunnelProxy(
        mode=Mode.SOURCE,
        url=cloud.relay.url,
        access_token=Secret(keyring.held["peerdeck", f"{opened}/source"]),
        client_token=Secret(keyring.held["peerdeck", f"{opened}/client-source"]),
    )
    await rival.start()
    state = await until(console.tunnels.state, lambda s: s.links[opened].problem)
    assert "Another program took the tunnel to pump-07 over." in state.links[opened].problem.title
    assert rival.snapshot().state is LinkState.READY
    await rival.aclose()
    await console.tunnels.connect(opened)
    assert (await ssh_banner(ports(console, opened)["SSH"])).startswith(b"SSH-2.0-")
