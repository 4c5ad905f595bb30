"""The AWS CLI over https, by the lines that `peerdeck localcloud --tls` prints and nothing else."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.e2e.test_local_cloud_command import exported, start
from tests.localcloud.test_aws_cli import Cli

pytestmark = [pytest.mark.slow, pytest.mark.interop]


class OutsideCli(Cli):
    """lines: what `eval` takes in."""

    def __init__(self, lines: dict[str, str], home: Path) -> None:
        self.lines = lines
        self._environment = lines | {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_MAX_ATTEMPTS": "1",
        }


@pytest.fixture
async def cli(tmp_path: Path) -> AsyncIterator[OutsideCli]:
    process = start(tmp_path / "server", "--tls", "--state", str(tmp_path / "state"))
    try:
        yield OutsideCli(await asyncio.to_thread(exported, process), tmp_path)
    finally:
        process.send_signal(signal.SIGTERM)
        _, errors = await asyncio.to_thread(process.communicate, timeout=10)
        assert (process.returncode, errors) == (0, "")


async def test_from_the_list_of_channels_to_ice_servers(cli: OutsideCli) -> None:
    assert cli.lines["AWS_ENDPOINT_URL_KINESIS_VIDEO"].startswith("https://")
    channels = (await cli("kinesisvideo list-signaling-channels"))["ChannelInfoList"]
    arn = next(c["ChannelARN"] for c in channels if c["ChannelName"] == "front-door")
    by_arn = ("--channel-arn", arn)
    configuration = "--single-master-channel-endpoint-configuration"
    described, found, missing = await asyncio.gather(
        cli("kinesisvideo describe-signaling-channel", *by_arn),
        cli(
            "kinesisvideo get-signaling-channel-endpoint",
            *(*by_arn, configuration, "Protocols=WSS,HTTPS,Role=VIEWER"),
        ),
        cli.refusal("kinesisvideo describe-signaling-channel", "--channel-arn", arn[:-3] + "999"),
    )
    assert described["ChannelInfo"]["ChannelStatus"] == "ACTIVE"
    assert "(ResourceNotFoundException)" in missing
    urls = {e["Protocol"]: e["ResourceEndpoint"] for e in found["ResourceEndpointList"]}
    assert (urls["WSS"][:6], urls["HTTPS"][:8]) == ("wss://", "https://")
    asking = "kinesis-video-signaling get-ice-server-config --endpoint-url "
    ice, wrong_place = await asyncio.gather(
        cli(asking + urls["HTTPS"], *by_arn, "--client-id", "cli"),
        cli.refusal(asking + cli.lines["AWS_ENDPOINT_URL_KINESIS_VIDEO"], *by_arn),
    )
    uris = [uri for server in ice["IceServerList"] for uri in server["Uris"]]
    assert {uri.split(":")[0] for uri in uris} == {"turn", "turns"}
    assert "Unable to determine service/operation name" in wrong_place or "403" in wrong_place


async def test_a_tunnel_from_open_to_closed(cli: OutsideCli) -> None:
    opened = await cli(
        "iotsecuretunneling open-tunnel --destination-config thingName=gate-12,services=SSH"
    )
    by_id = ("--tunnel-id", opened["tunnelId"])
    listed, rotated, nobody = await asyncio.gather(
        cli("iotsecuretunneling list-tunnels --thing-name gate-12"),
        cli("iotsecuretunneling rotate-tunnel-access-token --client-mode ALL", *by_id),
        cli.refusal("iotsecuretunneling close-tunnel --tunnel-id nobody"),
    )
    assert opened["tunnelId"] in [t["tunnelId"] for t in listed["tunnelSummaries"]]
    tokens = {opened["sourceAccessToken"], rotated["sourceAccessToken"]}
    assert len(tokens) == 2
    assert "(ResourceNotFoundException)" in nobody
    await cli("iotsecuretunneling close-tunnel", *by_id)
    closed = await cli("iotsecuretunneling describe-tunnel", *by_id)
    assert closed["tunnel"]["status"] == "CLOSED"


async def test_without_the_bundle_line_nobody_is_trusted(cli: OutsideCli) -> None:
    del cli._environment["AWS_CA_BUNDLE"]
    assert "SSL validation failed" in await cli.refusal("sts get-caller-identity")
