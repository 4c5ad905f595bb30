"""The AWS SDK for JavaScript in a page of another origin, as it is with AWS."""

from typing import Any

import pytest
from tests.interop.browser import Browser, PageFailed
from tests.interop.conftest import Channel

DESCRIBE = ("KinesisVideoClient", "DescribeSignalingChannelCommand")


def options(channel: Channel, **credentials: str) -> dict[str, Any]:
    config = channel.config("VIEWER")
    return {
        "region": config["region"],
        "endpoint": config["endpoint"],
        "credentials": config["credentials"] | credentials,
        "maxAttempts": 2,
    }


async def test_channels_are_listed_and_the_request_id_is_readable(
    page: Browser, channel: Channel
) -> None:
    listed = await page.call(
        "interop.call", "KinesisVideoClient", "ListSignalingChannelsCommand", options(channel), {}
    )
    (found,) = listed["fields"]["ChannelInfoList"]
    assert (found["ChannelARN"], listed["status"]) == (channel.arn, 200)
    assert len(listed["requestId"]) == 36


async def test_sts_knows_the_page(page: Browser, channel: Channel) -> None:
    known = await page.call(
        "interop.call", "STSClient", "GetCallerIdentityCommand", options(channel), {}
    )
    assert known["fields"]["Account"] == "111122223333"


@pytest.mark.parametrize(
    ("changes", "arn", "error", "status"),
    [
        ({}, "arn:aws:kinesisvideo:eu-west-1:111122223333:channel/x/1", "ResourceNotFound", 404),
        ({}, "arn:x", "InvalidArgument", 400),
        ({"secretAccessKey": "wrong"}, "", "InvalidSignature", 403),
        ({"accessKeyId": "AKIANOBODY"}, "", "UnrecognizedClient", 403),
    ],
)
async def test_refusals_are_read_by_their_names(
    page: Browser, channel: Channel, changes: dict[str, str], arn: str, error: str, status: int
) -> None:
    wanted = {"ChannelARN": arn or channel.arn}
    refused = await page.call("interop.call", *DESCRIBE, options(channel, **changes), wanted)
    assert (refused["error"], refused["status"]) == (f"{error}Exception", status)
    assert len(refused["requestId"]) == 36
    complaints, page.complaints[:] = [*page.complaints], []
    assert all(f"status of {status}" in words for words in complaints)


async def test_the_sdk_learns_of_a_wrong_clock_and_gets_through(
    page: Browser, channel: Channel
) -> None:
    await channel.cloud.faults.switch_on("clock-skew", {"ahead_s": 900})
    wanted = {"ChannelARN": channel.arn}
    found = await page.call("interop.call", *DESCRIBE, options(channel), wanted)
    assert found["fields"]["ChannelInfo"]["ChannelARN"] == channel.arn
    complaints, page.complaints[:] = [*page.complaints], []
    assert ["status of 403" in words for words in complaints] == [True]


async def test_tunnels_are_not_for_pages(page: Browser, channel: Channel) -> None:
    client = "IoTSecureTunnelingClient", "ListTunnelsCommand"
    refused = await page.call("interop.call", *client, options(channel), {})
    assert (refused["error"], refused.get("status")) == ("TypeError", None)
    complaints, page.complaints[:] = [*page.complaints], []
    assert any("blocked by CORS policy" in words for words in complaints)


@pytest.mark.parametrize("spoilt", ["secretAccessKey", "accessKeyId"])
async def test_a_wrong_key_opens_no_signaling(page: Browser, channel: Channel, spoilt: str) -> None:
    """The page asks AWS with the right keys, and signs the socket's URL with the wrong ones."""
    config = channel.config("VIEWER")
    config["signer"] = config["credentials"] | {spoilt: "WRONG"}
    with pytest.raises(PageFailed, match="signaling"):
        await page.call("interop.view", config)
    complaints, page.complaints[:] = [*page.complaints], []
    assert any("Unexpected response code: 403" in words for words in complaints)
