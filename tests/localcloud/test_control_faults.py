"""Faults of the account, of signaling and of tunnels as boto3 and WebSocket clients meet them."""

import asyncio
import logging
from contextlib import AsyncExitStack
from email.utils import parsedate_to_datetime

import aiohttp
import pytest
from tests.localcloud.conftest import REGION, AwsClients, endpoints_of
from tests.localcloud.relay_client import V3, join_relay, refusal
from tests.localcloud.signaling_client import Door, eventually

from peerdeck.core.channel import Role
from peerdeck.localcloud.cloud import LocalCloud
from peerdeck.localcloud.front_door import REQUEST_LOG
from peerdeck.localcloud.seed import Seed
from peerdeck.protocol.frames import Message, MessageType


async def test_throttling_has_each_services_own_words(
    local_cloud: LocalCloud, aws: AwsClients, front_door: str
) -> None:
    video, tunnels = aws("kinesisvideo"), aws("iotsecuretunneling")
    await local_cloud.faults.switch_on("throttle")
    status, code, _ = await video.refusal("list_signaling_channels")
    assert (status, code) == (400, "ClientLimitExceededException")
    status, code, message = await tunnels.refusal("list_tunnels")
    assert (status, code, message) == (400, "ThrottlingException", "Rate exceeded")
    await local_cloud.faults.switch_off("throttle")
    await video("list_signaling_channels")
    await tunnels("list_tunnels")


async def test_one_operation_can_be_throttled(local_cloud: LocalCloud, aws: AwsClients) -> None:
    video = aws("kinesisvideo")
    await local_cloud.faults.switch_on("throttle", {"operation": "ListSignalingChannels"})
    await video.refusal("list_signaling_channels")
    await video("describe_signaling_channel", ChannelName="front-door")


async def test_a_denied_action_is_named(
    local_cloud: LocalCloud, aws: AwsClients, front_door: str
) -> None:
    video = aws("kinesisvideo")
    https = (await endpoints_of(video, front_door, "VIEWER"))["HTTPS"]
    signaling = aws("kinesis-video-signaling", endpoint=https)
    await local_cloud.faults.switch_on("deny")
    status, code, message = await signaling.refusal("get_ice_server_config", ChannelARN=front_door)
    assert (status, code) == (403, "AccessDeniedException")
    assert "is not authorized to perform: kinesisvideo:GetIceServerConfig" in message
    await video("list_signaling_channels")
    await local_cloud.faults.switch_off("deny")
    await signaling("get_ice_server_config", ChannelARN=front_door)


async def test_a_tunnel_action_is_denied_with_400(local_cloud: LocalCloud, aws: AwsClients) -> None:
    await local_cloud.faults.switch_on("deny", {"operation": "ListTunnels"})
    status, code, message = await aws("iotsecuretunneling").refusal("list_tunnels")
    assert (status, code) == (400, "AccessDeniedException")
    assert "iot:ListTunnels" in message


async def test_connecting_can_be_denied_and_throttled(local_cloud: LocalCloud, door: Door) -> None:
    await local_cloud.faults.switch_on("deny", {"operation": "ConnectAsViewer"})
    status, code, _ = await door.refusal(door.url(Role.VIEWER, "v"))
    assert (status, code) == (403, "AccessDeniedException")
    await door.master()
    await local_cloud.faults.clear()
    await local_cloud.faults.switch_on("throttle", {"operation": "ConnectAsViewer"})
    status, code, _ = await door.refusal(door.url(Role.VIEWER, "v"))
    assert (status, code) == (400, "ClientLimitExceededException")
    await local_cloud.faults.clear()
    await door.viewer("v")


async def test_expired_credentials_are_told_by_every_service_until_the_end(
    local_cloud: LocalCloud, aws: AwsClients, door: Door
) -> None:
    video, tunnels, sts = aws("kinesisvideo"), aws("iotsecuretunneling"), aws("sts")
    await local_cloud.faults.switch_on("expired-credentials")
    assert (await video.refusal("list_signaling_channels"))[:2] == (403, "ExpiredTokenException")
    assert (await tunnels.refusal("list_tunnels"))[:2] == (400, "ExpiredTokenException")
    assert (await sts.refusal("get_caller_identity"))[:2] == (403, "ExpiredToken")
    assert (await door.refusal(door.url(Role.VIEWER, "v")))[0] == 403
    await local_cloud.faults.switch_off("expired-credentials")
    await video("list_signaling_channels")
    await door.viewer("v")


@pytest.mark.parametrize("ahead_s", [900, -900])
async def test_a_skewed_clock_refuses_signatures_and_shows_in_the_date_header(
    local_cloud: LocalCloud, aws: AwsClients, door: Door, ahead_s: float
) -> None:
    video = aws("kinesisvideo")
    await local_cloud.faults.switch_on("clock-skew", {"ahead_s": ahead_s})
    url = door.url(Role.VIEWER, "v")
    assert (await door.refusal(url))[:2] == (403, "InvalidSignatureException")
    async with aiohttp.ClientSession() as web, web.get(local_cloud.endpoints.kinesis_video) as r:
        told = parsedate_to_datetime(r.headers["Date"]).timestamp()
    assert abs(told - local_cloud.state.clock() - ahead_s) < 3
    await local_cloud.faults.switch_off("clock-skew")
    await video("list_signaling_channels")
    await door.viewer("v")


async def test_faults_pass_over_the_demos_own_devices(
    local_cloud: LocalCloud, aws: AwsClients
) -> None:
    keys = local_cloud.device_credentials
    device = aws("kinesisvideo", access_key=keys.access_key, secret_key=keys.secret_key.reveal())
    for name in ("throttle", "expired-credentials", "clock-skew"):
        await local_cloud.faults.switch_on(name)
    await device("list_signaling_channels")


async def test_cut_sockets_get_no_close_frame_and_may_come_back(
    local_cloud: LocalCloud, door: Door
) -> None:
    master, viewer = await door.master(), await door.viewer("v")
    await local_cloud.faults.switch_on("signaling-drop", {"whose": "viewer"})
    message = await viewer.socket.receive(timeout=5)
    assert message.type in {aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR}
    assert viewer.socket.close_code in {None, 1006}
    await master.settled()
    await (await door.viewer("v")).settled()


async def test_a_stalled_socket_is_open_and_silent_until_the_end(
    local_cloud: LocalCloud, door: Door
) -> None:
    viewer = await door.viewer("v")
    await local_cloud.faults.switch_on("signaling-stall")
    late = await door.viewer("late")
    for peer in (viewer, late):
        await peer.send("NONSENSE", correlationId="settled")
        with pytest.raises(TimeoutError):
            await peer.socket.receive(timeout=0.2)
    await local_cloud.faults.switch_off("signaling-stall")
    for peer in (viewer, late):
        assert (await peer.hears())["messageType"] == "STATUS_RESPONSE"


@pytest.mark.parametrize(
    ("fault", "kind"), [("go-away", "GO_AWAY"), ("reconnect-ice", "RECONNECT_ICE_SERVER")]
)
async def test_notices_reach_everyone(
    local_cloud: LocalCloud, door: Door, fault: str, kind: str
) -> None:
    peers = await door.master(), await door.viewer("v")
    await local_cloud.faults.switch_on(fault)
    for peer in peers:
        assert (await peer.hears())["messageType"] == kind
        await peer.settled()


async def test_an_offline_master_cannot_come_back_before_the_end(
    local_cloud: LocalCloud, door: Door
) -> None:
    master, viewer = await door.master(), await door.viewer("v")
    await local_cloud.faults.switch_on("master-offline")
    assert (await master.socket.receive(timeout=5)).type is not aiohttp.WSMsgType.TEXT
    assert (await door.refusal(door.url(Role.MASTER)))[0] == 503
    await viewer.send("SDP_OFFER", correlationId="1")
    await viewer.settled()
    await local_cloud.faults.switch_off("master-offline")
    back = await door.master()
    assert (await back.hears())["messageType"] == "SDP_OFFER"  # it waited for the master


async def test_a_restarting_relay_comes_back_by_itself(local_cloud: LocalCloud, door: Door) -> None:
    await local_cloud.faults.switch_on("relay-restart", duration_s=0.2)
    url = local_cloud.relay.url
    host, port = url.removeprefix("ws://").split(":")
    with pytest.raises(OSError, match="Connect call failed"):
        await asyncio.open_connection(host, port)
    await eventually(lambda: not local_cloud.faults.state("relay-restart").on, door.health)
    assert (await refusal(url, "source", V3))[0] == 400
    assert local_cloud.relay.url == url


async def test_closing_amid_a_relay_restart_is_clean() -> None:
    before = asyncio.all_tasks()
    async with LocalCloud(Seed()) as cloud:
        await cloud.faults.switch_on("relay-restart", duration_s=30)
    assert asyncio.all_tasks() == before


async def test_a_tunnel_fault_reaches_a_tunnel_that_boto3_opened(
    local_cloud: LocalCloud, aws: AwsClients
) -> None:
    tunnels = aws("iotsecuretunneling")
    opened = await tunnels("open_tunnel", destinationConfig={"services": ["SSH"]})
    token = ("access-token", opened["sourceAccessToken"])
    await local_cloud.faults.switch_on("tunnel-token-used")
    status, reason = await refusal(local_cloud.relay.url, "source", V3, token)
    assert (status, "previously used" in reason) == (400, True)
    await local_cloud.faults.switch_off("tunnel-token-used")
    async with AsyncExitStack() as stack:
        source = await join_relay(stack, local_cloud.relay.url, "source", V3, token)
        assert (await source.hear()).type == MessageType.SERVICE_IDS
        await local_cloud.faults.switch_on("tunnel-destination-refuses")
        source.say(Message(MessageType.STREAM_START, 1, "SSH", 1))
        assert await source.hear() == Message(MessageType.CONNECTION_RESET, 1, "SSH", 1)


class TestRequestLog:
    async def test_names_operation_region_key_and_status_and_no_secret(
        self, local_cloud: LocalCloud, aws: AwsClients, door: Door, caplog, front_door: str
    ) -> None:
        caplog.set_level(logging.INFO, REQUEST_LOG)
        keys = local_cloud.credentials
        tunnels = aws("iotsecuretunneling")
        opened = await tunnels("open_tunnel")
        await aws("sts")("get_caller_identity")
        https = (await endpoints_of(aws("kinesisvideo"), front_door, "VIEWER"))["HTTPS"]
        ice = await aws("kinesis-video-signaling", endpoint=https)(
            "get_ice_server_config", ChannelARN=front_door
        )
        viewer = await door.viewer("v")
        url = door.url(Role.VIEWER, "w")
        await viewer.socket.close()
        async with aiohttp.ClientSession() as web:
            async with web.get(f"{local_cloud.admin_url}/faults"):
                pass
            async with web.get(local_cloud.endpoints.sts + "/what\x1b[31m?token=s3cret"):
                pass
        async with AsyncExitStack() as stack:
            token = ("access-token", opened["sourceAccessToken"])
            await join_relay(stack, local_cloud.relay.url, "source", V3, token)
        await refusal(local_cloud.relay.url, "source", V3, token)
        lines = [record.getMessage() for record in caplog.records if record.name == REQUEST_LOG]
        text = "\n".join(lines)
        for wanted in (
            f"POST OpenTunnel {REGION} {keys.access_key} 200",
            f"POST sts {REGION} {keys.access_key} 200",
            f"POST GetIceServerConfig {REGION} {keys.access_key} 200",
            f"GET ConnectAsViewer {REGION} {keys.access_key} 101",
            "GET admin - - 200",
            "GET /what",
            "101 source of",
            "400 Invalid access token",
        ):
            assert wanted in text
        secrets = (
            keys.secret_key.reveal(),
            opened["sourceAccessToken"],
            opened["destinationAccessToken"],
            ice["IceServerList"][0]["Password"],
            url.partition("Signature=")[2],
            local_cloud.admin.path.removeprefix("/_local/"),
            "s3cret",
            "\x1b",
        )
        assert not [secret for secret in secrets if secret in text]
