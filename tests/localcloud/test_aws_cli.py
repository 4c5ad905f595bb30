"""The AWS CLI as a judge: every operation, good and bad, by environment variables alone."""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import ShiftedClock
from tests.localcloud.signaling_client import PAYLOAD, Door

from peerdeck.localcloud.channels import SETTLE_S
from peerdeck.localcloud.cloud import LocalCloud

BOUND_S = 30.0
COMMAND = (sys.executable, "-m", "awscli")
STREAM = "arn:aws:kinesisvideo:eu-west-1:111122223333:stream/yard/1700000000000"
pytestmark = pytest.mark.interop


class Cli:
    """Runs `aws SERVICE OPERATION …` against the cloud; nothing of the caller's own setup leaks."""

    def __init__(self, cloud: LocalCloud, home: Path) -> None:
        keys, endpoints = cloud.credentials, cloud.endpoints
        self._environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "AWS_CONFIG_FILE": str(home / "config"),
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_MAX_ATTEMPTS": "1",
            "AWS_DEFAULT_REGION": "eu-west-1",
            "AWS_ACCESS_KEY_ID": keys.access_key,
            "AWS_SECRET_ACCESS_KEY": keys.secret_key.reveal(),
            "AWS_ENDPOINT_URL_KINESIS_VIDEO": endpoints.kinesis_video,
            "AWS_ENDPOINT_URL_IOTSECURETUNNELING": endpoints.iot_secure_tunneling,
            "AWS_ENDPOINT_URL_STS": endpoints.sts,
        }

    async def run(self, words: str, *arguments: str) -> tuple[int, str, str]:
        process = await asyncio.create_subprocess_exec(
            *COMMAND,
            *words.split(),
            *arguments,
            "--output",
            "json",
            env=self._environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(BOUND_S):
                out, error = await process.communicate()
        except BaseException:
            process.kill()
            await process.wait()
            raise
        return process.returncode or 0, out.decode(), error.decode()

    async def __call__(self, words: str, *arguments: str) -> Any:
        """What it prints, read as JSON."""
        status, out, error = await self.run(words, *arguments)
        assert (status, error) == (0, ""), (words, error)
        return json.loads(out) if out.strip() else {}

    async def refusal(self, words: str, *arguments: str) -> str:
        status, out, error = await self.run(words, *arguments)
        assert status != 0, out
        return error


@pytest.fixture
def cli(local_cloud: LocalCloud, tmp_path: Path) -> Cli:
    return Cli(local_cloud, tmp_path)


async def test_the_cli_knows_who_it_is_and_sees_the_channels(cli: Cli) -> None:
    identity, listed = await asyncio.gather(
        cli("sts get-caller-identity"), cli("kinesisvideo list-signaling-channels")
    )
    assert identity["Account"] == "111122223333"
    assert {c["ChannelName"] for c in listed["ChannelInfoList"]} >= {"front-door", "lobby"}


@pytest.mark.slow
async def test_pages_come_by_the_clis_own_paginator(cli: Cli) -> None:
    listed = await cli("kinesisvideo list-signaling-channels --page-size 2")
    assert len(listed["ChannelInfoList"]) == 6
    some = await cli("kinesisvideo list-signaling-channels --max-items 3 --page-size 2")
    rest = await cli("kinesisvideo list-signaling-channels --starting-token", some["NextToken"])
    names = [c["ChannelName"] for c in some["ChannelInfoList"] + rest["ChannelInfoList"]]
    assert names == [c["ChannelName"] for c in listed["ChannelInfoList"]]


@pytest.mark.slow
async def test_a_channels_whole_life(cli: Cli, cloud_clock: ShiftedClock) -> None:
    video = "kinesisvideo "
    created = await cli(
        video + "create-signaling-channel --channel-name yard --tags Key=team,Value=a",
        "--single-master-configuration",
        "MessageTtlSeconds=30",
    )
    cloud_clock.ahead_s += SETTLE_S
    arn = created["ChannelARN"]
    by_arn = ("--channel-arn", arn)
    described = await cli(video + "describe-signaling-channel --channel-name yard")
    info = described["ChannelInfo"]
    assert (info["ChannelStatus"], info["SingleMasterConfiguration"]) == (
        "ACTIVE",
        {"MessageTtlSeconds": 30},
    )
    await cli(
        video + "update-signaling-channel --single-master-configuration MessageTtlSeconds=60",
        *by_arn,
        "--current-version",
        info["Version"],
    )
    cloud_clock.ahead_s += SETTLE_S
    resource = ("--resource-arn", arn)
    await cli(video + "tag-resource --tags Key=floor,Value=1", *resource)
    await cli(video + "untag-resource --tag-key-list team", *resource)
    assert await cli(video + "list-tags-for-resource", *resource) == {"Tags": {"floor": "1"}}
    await cli(
        video + "update-media-storage-configuration",
        *by_arn,
        "--media-storage-configuration",
        f"Status=ENABLED,StreamARN={STREAM}",
    )
    stored = await cli(video + "describe-media-storage-configuration", *by_arn)
    assert stored["MediaStorageConfiguration"] == {"Status": "ENABLED", "StreamARN": STREAM}
    answer = await cli(
        video + "get-signaling-channel-endpoint",
        *by_arn,
        "--single-master-channel-endpoint-configuration",
        "Protocols=WEBRTC,Role=MASTER",
    )
    (webrtc,) = answer["ResourceEndpointList"]
    storage = "kinesis-video-webrtc-storage --endpoint-url " + webrtc["ResourceEndpoint"]
    await cli(storage + " join-storage-session", *by_arn)
    await cli(storage + " join-storage-session-as-viewer --client-id ada", *by_arn)
    await cli(video + "delete-signaling-channel", *by_arn)
    cloud_clock.ahead_s += SETTLE_S
    error = await cli.refusal(video + "describe-signaling-channel", *by_arn)
    assert "(ResourceNotFoundException) when calling the DescribeSignalingChannel" in error


@pytest.mark.slow
async def test_a_channels_own_endpoint(cli: Cli, door: Door, front_door: str) -> None:
    by_arn = ("--channel-arn", front_door)
    answer = await cli(
        "kinesisvideo get-signaling-channel-endpoint",
        *by_arn,
        "--single-master-channel-endpoint-configuration",
        "Protocols=HTTPS,Role=VIEWER",
    )
    (https,) = answer["ResourceEndpointList"]
    signaling = "kinesis-video-signaling --endpoint-url " + https["ResourceEndpoint"]
    servers = await cli(
        signaling + " get-ice-server-config --client-id ada --service TURN --username me", *by_arn
    )
    assert all(s["Uris"] and s["Username"] and s["Password"] for s in servers["IceServerList"])
    error = await cli.refusal(signaling + " get-ice-server-config --client-id AWS_x", *by_arn)
    assert "(InvalidClientException)" in error
    master = await door.master()
    offer = " send-alexa-offer-to-master --sender-client-id Echo --message-payload "
    async with asyncio.TaskGroup() as group:
        asking = group.create_task(cli(signaling + offer + PAYLOAD, *by_arn))
        await master.hears()
        await master.send("SDP_ANSWER", recipientClientId="Echo")
    assert asking.result() == {"Answer": PAYLOAD}


@pytest.mark.slow
async def test_a_tunnels_whole_life(cli: Cli) -> None:
    tunneling = "iotsecuretunneling "
    opened = await cli(
        tunneling + "open-tunnel --tags key=team,value=a --timeout-config",
        "maxLifetimeTimeoutMinutes=5",
        "--destination-config",
        "thingName=pump-07,services=SSH,HTTP",
    )
    assert opened["sourceAccessToken"] != opened["destinationAccessToken"]
    by_id = ("--tunnel-id", opened["tunnelId"])
    tunnel = (await cli(tunneling + "describe-tunnel", *by_id))["tunnel"]
    assert tunnel["destinationConfig"] == {"thingName": "pump-07", "services": ["SSH", "HTTP"]}
    rotated = await cli(tunneling + "rotate-tunnel-access-token --client-mode SOURCE", *by_id)
    assert "destinationAccessToken" not in rotated
    resource = ("--resource-arn", opened["tunnelArn"])
    await cli(tunneling + "tag-resource --tags key=floor,value=1", *resource)
    await cli(tunneling + "untag-resource --tag-keys team", *resource)
    tags = await cli(tunneling + "list-tags-for-resource", *resource)
    assert tags == {"tags": [{"key": "floor", "value": "1"}]}
    await cli(tunneling + "close-tunnel", *by_id)
    listed = await cli(tunneling + "list-tunnels --thing-name pump-07 --max-results 1")
    assert listed["tunnelSummaries"][0]["status"] == "CLOSED"
    await cli(tunneling + "close-tunnel --delete", *by_id)
    error = await cli.refusal(tunneling + "describe-tunnel", *by_id)
    assert "(ResourceNotFoundException) when calling the DescribeTunnel operation" in error


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "error"),
    [
        ("kinesisvideo create-signaling-channel --channel-name front-door", "ResourceInUse"),
        ("kinesisvideo create-signaling-channel --channel-name a:b", "InvalidArgument"),
        ("kinesisvideo describe-signaling-channel", "InvalidArgument"),
        ("kinesisvideo delete-signaling-channel --channel-arn arn:x", "InvalidArgument"),
        ("kinesisvideo list-signaling-channels --max-items 1 --starting-token AA", "Invalid"),
        ("iotsecuretunneling open-tunnel --description \x7f", "ValidationException"),
        ("iotsecuretunneling describe-tunnel --tunnel-id x", "ResourceNotFoundException"),
    ],
)
async def test_refusals_are_read_as_aws_own(cli: Cli, words: str, error: str) -> None:
    assert error in await cli.refusal(words)


@pytest.mark.slow
async def test_a_wrong_secret_is_named(cli: Cli) -> None:
    cli._environment["AWS_SECRET_ACCESS_KEY"] = "wrong"
    error = await cli.refusal("sts get-caller-identity")
    assert "(SignatureDoesNotMatch)" in error
    error = await cli.refusal("kinesisvideo list-signaling-channels")
    assert "(InvalidSignatureException)" in error
