"""https and wss beside http and ws, judged by boto3, aiohttp, OpenSSL and a Python ssl client."""

import asyncio
import socket
import ssl
import stat
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import SSLError
from tests.localcloud.signaling_client import Door

from peerdeck.localcloud.authority import (
    CERTIFICATE_FILE,
    KEY_FILE,
    Authority,
    AuthorityBrokenError,
)
from peerdeck.localcloud.cloud import LocalCloud, Ports
from peerdeck.localcloud.seed import Seed, SeedChannel
from peerdeck.wiring import devices_of

SEED = Seed(channels=(SeedChannel("eu-west-1", "door", live=True),))


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[Authority, Path]:
    directory = tmp_path_factory.mktemp("authority")
    return Authority.kept_in(directory), directory / CERTIFICATE_FILE


@pytest.fixture
async def cloud(authority: tuple[Authority, Path]) -> AsyncIterator[LocalCloud]:
    async with LocalCloud(SEED, tls=True, authority=authority[0]) as cloud:
        yield cloud


def boto(cloud: LocalCloud, service: str, endpoint: str, verify: str | bool) -> object:
    keys = cloud.credentials
    return boto3.client(
        service,
        region_name="eu-west-1",
        endpoint_url=endpoint,
        aws_access_key_id=keys.access_key,
        aws_secret_access_key=keys.secret_key.reveal(),
        verify=verify,
        config=Config(retries={"total_max_attempts": 1}, read_timeout=5),
    )


async def test_every_offered_endpoint_has_tls(cloud: LocalCloud) -> None:
    endpoints = cloud.endpoints
    assert endpoints.kinesis_video == f"https://127.0.0.1:{cloud.ports.https}"
    assert endpoints.sts.startswith("https://")
    assert endpoints.tunnel_data == f"wss://127.0.0.1:{cloud.ports.relays}"
    assert f"turns:127.0.0.1:{cloud.ports.turns}?transport=tcp" in cloud.state.turn_uris


async def test_without_the_switch_plain_ones_are_offered_and_tls_listens_all_the_same() -> None:
    async with LocalCloud(SEED) as cloud:
        assert cloud.endpoints.kinesis_video == f"http://127.0.0.1:{cloud.ports.http}"
        assert cloud.endpoints.tunnel_data == f"ws://127.0.0.1:{cloud.ports.relay}"
        assert not [uri for uri in cloud.state.turn_uris if uri.startswith("turns:")]
        trusted = cloud.authority.client_context()
        for port in (cloud.ports.https, cloud.ports.relays, cloud.ports.turns):
            _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trusted)
            writer.close()
            await writer.wait_closed()


async def test_boto3_trusts_the_written_certificate_from_list_to_ice(
    cloud: LocalCloud, authority: tuple[Authority, Path]
) -> None:
    bundle = str(authority[1])
    arn = cloud.live_channels[0][1]

    def walk() -> tuple[dict, dict]:
        video = boto(cloud, "kinesisvideo", cloud.endpoints.kinesis_video, bundle)
        found = video.get_signaling_channel_endpoint(
            ChannelARN=arn,
            SingleMasterChannelEndpointConfiguration={
                "Protocols": ["WSS", "HTTPS"],
                "Role": "VIEWER",
            },
        )["ResourceEndpointList"]
        urls = {entry["Protocol"]: entry["ResourceEndpoint"] for entry in found}
        signaling = boto(cloud, "kinesis-video-signaling", urls["HTTPS"], bundle)
        ice = signaling.get_ice_server_config(ChannelARN=arn)
        for client in (video, signaling):
            client.close()
        return urls, ice

    urls, ice = await asyncio.to_thread(walk)
    assert urls["HTTPS"].startswith("https://")
    assert urls["WSS"].startswith("wss://")
    assert any(uri.startswith("turns:") for uri in ice["IceServerList"][0]["Uris"])


async def test_boto3_refuses_a_certificate_that_nobody_told_it_of(cloud: LocalCloud) -> None:
    client = boto(cloud, "kinesisvideo", cloud.endpoints.kinesis_video, True)
    with pytest.raises(SSLError, match="CERTIFICATE_VERIFY_FAILED"):
        await asyncio.to_thread(client.list_signaling_channels)
    client.close()


async def test_aiohttp_signals_over_wss(cloud: LocalCloud) -> None:
    connector = aiohttp.TCPConnector(ssl=cloud.authority.client_context())
    async with aiohttp.ClientSession(connector=connector) as session:
        door = Door(cloud, cloud.live_channels[0][1], session)
        master, viewer = await door.master(), await door.viewer("v")
        await viewer.send("SDP_OFFER", correlationId="1")
        assert (await master.hears())["senderClientId"] == "v"


async def test_openssl_verifies_chain_and_address_on_every_port(
    cloud: LocalCloud, authority: tuple[Authority, Path]
) -> None:
    for port in (cloud.ports.https, cloud.ports.relays, cloud.ports.turns):
        process = await asyncio.create_subprocess_exec(
            *("openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-verify_return_error"),
            *("-CAfile", str(authority[1]), "-verify_ip", "127.0.0.1", "-brief"),
            stdin=subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate()
        assert process.returncode == 0, output.decode()
        assert b"Verification: OK" in output


async def test_tls_1_2_is_enough_and_the_least(cloud: LocalCloud) -> None:
    context = cloud.authority.client_context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    _, writer = await asyncio.open_connection("127.0.0.1", cloud.ports.https, ssl=context)
    assert writer.get_extra_info("ssl_object").version() == "TLSv1.2"
    writer.close()
    await writer.wait_closed()
    assert cloud.authority.server_context().minimum_version is ssl.TLSVersion.TLSv1_2


async def test_the_demos_devices_work_over_tls(cloud: LocalCloud) -> None:
    async with devices_of(cloud):
        assert [role.value for role, _ in cloud.signaling.connected(cloud.live_channels[0][1])] == [
            "MASTER"
        ]


async def test_given_ports_are_used_and_a_taken_one_is_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for name in Ports.__dataclass_fields__:
            cloud = LocalCloud(SEED, ports=Ports(**{name: port}))
            with pytest.raises(OSError, match="in use"):
                await cloud.start()
    async with LocalCloud(SEED, ports=Ports(relays=port)) as cloud:
        assert cloud.ports.relays == port


class TestAuthority:
    def test_is_made_once_and_its_key_is_its_owners_alone(self, tmp_path: Path) -> None:
        directory = tmp_path / "new" / "state"
        first = Authority.kept_in(directory)
        again = Authority.kept_in(directory)
        assert first.certificate_pem == again.certificate_pem
        assert (directory / CERTIFICATE_FILE).read_bytes() == first.certificate_pem
        assert stat.S_IMODE((directory / KEY_FILE).stat().st_mode) == 0o600
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700
        assert b"PRIVATE" not in (directory / CERTIFICATE_FILE).read_bytes()

    def test_two_fresh_ones_differ(self) -> None:
        assert Authority.fresh().certificate_pem != Authority.fresh().certificate_pem

    @pytest.mark.parametrize("broken", [CERTIFICATE_FILE, KEY_FILE])
    def test_broken_files_are_named(self, tmp_path: Path, broken: str) -> None:
        Authority.kept_in(tmp_path)
        (tmp_path / broken).write_bytes(b"-----BEGIN NONSENSE-----")
        with pytest.raises(AuthorityBrokenError, match="remove both"):
            Authority.kept_in(tmp_path)
