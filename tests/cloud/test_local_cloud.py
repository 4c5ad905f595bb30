"""The clients against the local cloud: real HTTP, verified signatures, AWS's error shapes."""

import time
from dataclasses import replace

import aiohttp
import pytest

from peerdeck.cloud.errors import CloudError, Kind
from peerdeck.core.channel import Role
from peerdeck.core.errors import FieldError
from peerdeck.core.ice import IceRequest
from peerdeck.core.secret import Secret
from peerdeck.core.tunnel import Mode, TunnelRequest
from peerdeck.localcloud.cloud import LocalCloud
from peerdeck.localcloud.seed import SeedChannel, demo_seed
from peerdeck.localcloud.sigv4 import AccessKey

REGION = "eu-west-1"


@pytest.fixture
async def cloud():
    async with LocalCloud(seed=demo_seed()) as cloud:
        yield cloud


@pytest.fixture
def account(cloud, open_account):
    return open_account(
        endpoints=cloud.endpoints,
        access_key=Secret(cloud.credentials.access_key),
        secret_key=cloud.credentials.secret_key,
    )


async def channels(account, region=REGION, prefix=""):
    video = account.kinesis_video(region)
    return [channel async for page in video.list_channels(prefix) for channel in page]


async def front_door(account):
    (channel,) = await channels(account, prefix="front-door")
    return channel


async def test_caller_is_identified(cloud, account):
    identity = await account.describe(REGION)
    assert identity.account == "111122223333"
    assert identity.arn.startswith("arn:aws:")
    assert identity.method == "explicit"
    assert abs(identity.clock_offset_s) < 2


async def test_each_region_has_channels_of_its_own(account):
    ireland, virginia = await channels(account), await channels(account, "us-east-1")
    assert "front-door" in {channel.name for channel in ireland}
    assert {channel.name for channel in virginia}.isdisjoint(channel.name for channel in ireland)
    assert {channel.ttl_s for channel in ireland} == {30, 60, 120}
    assert "FULL_MESH" in {channel.kind for channel in ireland}
    assert all(0 < channel.created_at < time.time() for channel in ireland)
    assert await account.kinesis_video(REGION).describe_channel(ireland[0].arn) == ireland[0]


async def test_many_channels_come_in_pages_of_a_thousand(open_account):
    seed = replace(
        demo_seed(), channels=tuple(SeedChannel(REGION, f"channel-{n:05}") for n in range(2500))
    )
    async with LocalCloud(seed=seed) as cloud:
        account = open_account(
            endpoints=cloud.endpoints,
            access_key=Secret(cloud.credentials.access_key),
            secret_key=cloud.credentials.secret_key,
        )
        pages = [page async for page in account.kinesis_video(REGION).list_channels()]
        assert [len(page) for page in pages] == [1000, 1000, 500]
        assert len({channel.arn for page in pages for channel in page}) == 2500
        await account.aclose()


async def test_ice_servers_of_a_channel(cloud, account):
    channel = await front_door(account)
    video = account.kinesis_video(REGION)
    servers = await video.ice_servers(IceRequest(channel.arn, client_id="viewer-1"))
    assert servers
    for server in servers:
        assert server.ttl_s == 300
        assert 290 < server.seconds_left(time.time()) <= 300
        assert all(uri.is_turn for uri in server.uris)
        assert server.username
        assert server.password
    assert video.stun_server().uris[0].text == cloud.endpoints.stun


async def test_signed_url_opens_the_signaling_socket(account):
    channel = await front_door(account)
    video = account.kinesis_video(REGION)
    async with aiohttp.ClientSession() as client:
        for role, client_id in ((Role.VIEWER, "viewer-1"), (Role.MASTER, "")):
            url = await video.signaling_url(channel.arn, role, client_id)
            async with client.ws_connect(url) as socket:
                assert not socket.closed
        url = await video.signaling_url(channel.arn, Role.VIEWER, "viewer-2")
        with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
            await client.ws_connect(url.replace("viewer-2", "viewer-3"))
        assert caught.value.status == 403


async def test_temporary_credentials_sign_calls_and_urls(open_account):
    key = AccessKey(Secret("temporary-secret"), Secret("the-session-token/+="), None)
    seed = replace(demo_seed(), keys={"ASIATEMPORARY": key})
    async with LocalCloud(seed=seed) as cloud:
        account = open_account(
            endpoints=cloud.endpoints,
            access_key=Secret("ASIATEMPORARY"),
            secret_key=key.secret_key,
            session_token=key.session_token,
        )
        channel = await front_door(account)
        url = await account.kinesis_video(REGION).signaling_url(channel.arn, Role.VIEWER, "v")
        async with aiohttp.ClientSession() as client, client.ws_connect(url) as socket:
            assert not socket.closed
        await account.aclose()


async def test_expired_credentials_are_told_apart(open_account):
    key = AccessKey(Secret("temporary-secret"), Secret("token"), expires_at=1.0)
    async with LocalCloud(seed=replace(demo_seed(), keys={"ASIAOLD": key})) as cloud:
        account = open_account(
            endpoints=cloud.endpoints,
            access_key=Secret("ASIAOLD"),
            secret_key=key.secret_key,
            session_token=key.session_token,
        )
        for call in (
            account.describe(REGION),
            anext(account.kinesis_video(REGION).list_channels()),
            anext(account.tunneling(REGION).list_tunnels()),
        ):
            with pytest.raises(CloudError) as caught:
                await call
            assert caught.value.kind is Kind.EXPIRED
        await account.aclose()


@pytest.mark.parametrize("offset_s", [-1200, 1200])
async def test_wrong_clock_is_named_with_its_offset(open_account, offset_s):
    async with LocalCloud(seed=demo_seed(), clock=lambda: time.time() + offset_s) as cloud:
        account = open_account(
            endpoints=cloud.endpoints,
            access_key=Secret(cloud.credentials.access_key),
            secret_key=cloud.credentials.secret_key,
        )
        for call in (
            account.describe(REGION),
            anext(account.kinesis_video(REGION).list_channels()),
            anext(account.tunneling(REGION).list_tunnels()),
        ):
            with pytest.raises(CloudError) as caught:
                await call
            assert caught.value.kind is Kind.CLOCK
        await account.aclose()


async def test_unknown_and_wrong_keys_are_denied(cloud, open_account):
    for access_key, secret_key in (
        (Secret("AKIANOBODY"), Secret("x")),
        (Secret(cloud.credentials.access_key), Secret("wrong")),
    ):
        account = open_account(
            endpoints=cloud.endpoints, access_key=access_key, secret_key=secret_key
        )
        with pytest.raises(CloudError) as caught:
            await account.describe(REGION)
        assert (caught.value.kind, caught.value.status) == (Kind.DENIED, 403)


async def test_channel_that_is_not_there(account):
    arn = "arn:aws:kinesisvideo:eu-west-1:111122223333:channel/nobody/1700000000000"
    video = account.kinesis_video(REGION)
    for call in (
        video.describe_channel(arn),
        video.endpoints(arn, Role.VIEWER),
        video.ice_servers(IceRequest(arn)),
    ):
        with pytest.raises(CloudError) as caught:
            await call
        assert caught.value.kind is Kind.NOT_FOUND
        assert caught.value.status == 404
        assert caught.value.request_id


async def test_life_of_a_tunnel(account):
    tunnels = account.tunneling(REGION)
    request = TunnelRequest("pump-07", ("SSH", "HTTP"), "ticket 1", {"team": "field"}, 30)
    opened, tokens = await tunnels.open(request)
    assert tokens.source
    assert tokens.destination
    assert tokens.source != tokens.destination
    described = await tunnels.describe(opened.id)
    assert replace(described, created_at=0) == replace(opened, created_at=0)
    assert abs(described.created_at - opened.created_at) < 2
    listed = [t async for page in tunnels.list_tunnels("pump-07") for t in page]
    assert opened.id in {tunnel.id for tunnel in listed}

    rotated = await tunnels.rotate(described, (Mode.DESTINATION,))
    assert not rotated.source
    assert rotated.destination not in (tokens.destination, Secret(""))

    await tunnels.close(opened.id)
    assert (await tunnels.describe(opened.id)).status == "CLOSED"
    await tunnels.close(opened.id, delete=True)
    with pytest.raises(CloudError) as caught:
        await tunnels.describe(opened.id)
    assert caught.value.kind is Kind.NOT_FOUND


async def test_plain_tunnel_needs_no_thing(account):
    opened, tokens = await account.tunneling(REGION).open(TunnelRequest())
    described = await account.tunneling(REGION).describe(opened.id)
    assert (described.thing, described.services) == ("", ())
    assert tokens.source


async def test_wrong_fields_are_found_before_anything_is_sent(account):
    with pytest.raises(FieldError, match="Services"):
        await account.tunneling(REGION).open(TunnelRequest("pump-07", ()))
    with pytest.raises(FieldError, match="Channel ARN"):
        await account.kinesis_video(REGION).ice_servers(IceRequest("no arn"))


async def test_data_url_is_the_local_relays(cloud, account):
    assert account.tunneling(REGION).data_url == cloud.endpoints.tunnel_data
