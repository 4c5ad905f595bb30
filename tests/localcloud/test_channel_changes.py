"""Channels that are created, updated, tagged, linked to a stream and deleted, as boto3 sees it."""

import asyncio
from typing import Any

import pytest
from botocore.waiter import WaiterModel, create_waiter_with_client
from tests.conftest import ShiftedClock
from tests.localcloud.conftest import AwsClient, AwsClients, endpoints_of

from peerdeck.localcloud.channels import SETTLE_S, ChannelRegistry
from peerdeck.localcloud.cloud import LocalCloud

STREAM = "arn:aws:kinesisvideo:eu-west-1:111122223333:stream/yard/1700000000000"


@pytest.fixture
def video(aws: AwsClients) -> AwsClient:
    return aws("kinesisvideo")


@pytest.fixture
def lobby(local_cloud: LocalCloud) -> str:
    return local_cloud.state.channels.by_name("eu-west-1", "lobby").arn


async def info(video: AwsClient, arn: str) -> dict[str, Any]:
    answer: dict[str, Any] = await video("describe_signaling_channel", ChannelARN=arn)
    found: dict[str, Any] = answer["ChannelInfo"]
    return found


async def test_a_new_channel_is_creating_for_a_moment_and_can_not_be_used_until_then(
    video: AwsClient, cloud_clock: ShiftedClock
) -> None:
    arn = (await video("create_signaling_channel", ChannelName="new"))["ChannelARN"]
    assert (await info(video, arn))["ChannelStatus"] == "CREATING"
    for operation in ("get_signaling_channel_endpoint", "delete_signaling_channel"):
        assert (await video.refusal(operation, ChannelARN=arn))[:2] == (
            400,
            "ResourceInUseException",
        )
    cloud_clock.ahead_s += SETTLE_S
    assert (await info(video, arn))["ChannelStatus"] == "ACTIVE"
    await endpoints_of(video, arn, "VIEWER")


async def test_a_waiter_of_botocore_waits_for_the_channel(video: AwsClient) -> None:
    """botocore has none for these services; one made by its rules must do."""
    arn = (await video("create_signaling_channel", ChannelName="new"))["ChannelARN"]
    active = {"state": "success", "matcher": "path", "expected": "ACTIVE"}
    model = WaiterModel(
        {
            "version": 2,
            "waiters": {
                "ChannelActive": {
                    "operation": "DescribeSignalingChannel",
                    "delay": 0.3,
                    "maxAttempts": 20,
                    "acceptors": [active | {"argument": "ChannelInfo.ChannelStatus"}],
                }
            },
        }
    )
    waiter = create_waiter_with_client("ChannelActive", model, video.boto)
    await asyncio.to_thread(waiter.wait, ChannelARN=arn)


async def test_a_channel_is_deleted_by_its_version_only_and_goes_in_two_steps(
    video: AwsClient, cloud_clock: ShiftedClock
) -> None:
    arn = (await video("create_signaling_channel", ChannelName="new"))["ChannelARN"]
    cloud_clock.ahead_s += SETTLE_S
    version = (await info(video, arn))["Version"]
    refusal = await video.refusal("delete_signaling_channel", ChannelARN=arn, CurrentVersion="W")
    assert refusal[:2] == (400, "VersionMismatchException")
    await video("delete_signaling_channel", ChannelARN=arn, CurrentVersion=version)
    assert (await info(video, arn))["ChannelStatus"] == "DELETING"
    refusal = await video.refusal("create_signaling_channel", ChannelName="new")
    assert refusal[:2] == (400, "ResourceInUseException")
    refusal = await video.refusal("get_signaling_channel_endpoint", ChannelARN=arn)
    assert refusal[:2] == (404, "ResourceNotFoundException")
    cloud_clock.ahead_s += SETTLE_S
    refusal = await video.refusal("describe_signaling_channel", ChannelARN=arn)
    assert refusal[:2] == (404, "ResourceNotFoundException")
    listed = await video("list_signaling_channels")
    assert "new" not in {c["ChannelName"] for c in listed["ChannelInfoList"]}
    await video("create_signaling_channel", ChannelName="new")


async def test_an_update_gives_a_new_ttl_and_a_new_version(
    video: AwsClient, lobby: str, cloud_clock: ShiftedClock
) -> None:
    before = await info(video, lobby)
    change = {"ChannelARN": lobby, "SingleMasterConfiguration": {"MessageTtlSeconds": 5}}
    await video("update_signaling_channel", CurrentVersion=before["Version"], **change)
    after = await info(video, lobby)
    assert after["ChannelStatus"] == "UPDATING"
    assert after["SingleMasterConfiguration"] == {"MessageTtlSeconds": 5}
    assert after["Version"] != before["Version"]
    await endpoints_of(video, lobby, "MASTER")  # an update does not interrupt a channel
    refusal = await video.refusal(
        "update_signaling_channel", CurrentVersion=before["Version"], **change
    )
    assert refusal[:2] == (400, "VersionMismatchException")
    refusal = await video.refusal(
        "update_signaling_channel", CurrentVersion=after["Version"], **change
    )
    assert refusal[:2] == (400, "ResourceInUseException")
    cloud_clock.ahead_s += SETTLE_S
    await video("update_signaling_channel", CurrentVersion=after["Version"], **change)


async def test_an_update_without_configuration_keeps_the_ttl(video: AwsClient, lobby: str) -> None:
    before = await info(video, lobby)
    await video("update_signaling_channel", ChannelARN=lobby, CurrentVersion=before["Version"])
    after = await info(video, lobby)
    assert after["SingleMasterConfiguration"] == before["SingleMasterConfiguration"]


async def test_a_mesh_has_no_single_master_configuration(
    video: AwsClient, local_cloud: LocalCloud
) -> None:
    mesh = local_cloud.state.channels.by_name("eu-west-1", "intercom-mesh")
    refusal = await video.refusal(
        "update_signaling_channel",
        ChannelARN=mesh.arn,
        CurrentVersion=mesh.version,
        SingleMasterConfiguration={"MessageTtlSeconds": 5},
    )
    assert refusal[:2] == (400, "InvalidArgumentException")


async def test_tags_are_added_replaced_listed_and_removed(video: AwsClient, lobby: str) -> None:
    async def tags() -> dict[str, str]:
        answer: dict[str, Any] = await video("list_tags_for_resource", ResourceARN=lobby)
        found: dict[str, str] = answer["Tags"]
        return found

    assert await tags() == {}
    first = [{"Key": "team", "Value": "größe 1"}, {"Key": "floor", "Value": ""}]
    await video("tag_resource", ResourceARN=lobby, Tags=first)
    await video("tag_resource", ResourceARN=lobby, Tags=[{"Key": "floor", "Value": "0"}])
    assert await tags() == {"team": "größe 1", "floor": "0"}
    await video("untag_resource", ResourceARN=lobby, TagKeyList=["floor", "unknown"])
    assert await tags() == {"team": "größe 1"}


async def test_tags_of_a_new_channel_are_its_tags(video: AwsClient) -> None:
    tags = [{"Key": "team", "Value": "a"}]
    arn = (await video("create_signaling_channel", ChannelName="new", Tags=tags))["ChannelARN"]
    answer = await video("list_tags_for_resource", ResourceARN=arn)
    assert answer["Tags"] == {"team": "a"}


async def test_a_channel_has_fifty_tags_at_most(video: AwsClient, lobby: str) -> None:
    fifty = [{"Key": f"k{number}", "Value": ""} for number in range(50)]
    await video("tag_resource", ResourceARN=lobby, Tags=fifty)
    await video("tag_resource", ResourceARN=lobby, Tags=fifty[:1])
    refusal = await video.refusal(
        "tag_resource", ResourceARN=lobby, Tags=[{"Key": "k50", "Value": ""}]
    )
    assert refusal[:2] == (400, "TagsPerResourceExceededLimitException")


@pytest.mark.parametrize(
    ("operation", "fields"),
    [
        ("tag_resource", {"Tags": [{"Key": "k", "Value": "v"}]}),
        ("untag_resource", {"TagKeyList": ["k"]}),
        ("list_tags_for_resource", {}),
    ],
)
async def test_an_unknown_resource_has_no_tags(
    video: AwsClient, lobby: str, operation: str, fields: dict[str, Any]
) -> None:
    missing = lobby.replace("lobby", "nowhere")
    refusal = await video.refusal(operation, ResourceARN=missing, **fields)
    assert refusal[:2] == (404, "ResourceNotFoundException")


async def test_a_page_token_of_tags_is_foreign(video: AwsClient, lobby: str) -> None:
    refusal = await video.refusal("list_tags_for_resource", ResourceARN=lobby, NextToken="AA")
    assert refusal[:2] == (400, "InvalidArgumentException")


async def storage(video: AwsClient, arn: str) -> dict[str, str]:
    answer = await video("describe_media_storage_configuration", ChannelARN=arn)
    found: dict[str, str] = answer["MediaStorageConfiguration"]
    return found


async def test_media_storage_is_switched_on_and_off(video: AwsClient, lobby: str) -> None:
    assert await storage(video, lobby) == {"Status": "DISABLED"}
    on = {"Status": "ENABLED", "StreamARN": STREAM}
    await video(
        "update_media_storage_configuration", ChannelARN=lobby, MediaStorageConfiguration=on
    )
    assert await storage(video, lobby) == on
    by_name = await video("describe_media_storage_configuration", ChannelName="lobby")
    assert by_name["MediaStorageConfiguration"] == on
    answer = await video(
        "get_signaling_channel_endpoint",
        ChannelARN=lobby,
        SingleMasterChannelEndpointConfiguration={"Protocols": ["WEBRTC"], "Role": "MASTER"},
    )
    assert [e["Protocol"] for e in answer["ResourceEndpointList"]] == ["WEBRTC"]
    off = {"Status": "DISABLED"}
    await video(
        "update_media_storage_configuration", ChannelARN=lobby, MediaStorageConfiguration=off
    )
    assert await storage(video, lobby) == off


@pytest.mark.parametrize(
    ("configuration", "status", "code"),
    [
        ({"Status": "ENABLED"}, 400, "InvalidArgumentException"),
        (
            {"Status": "ENABLED", "StreamARN": STREAM.replace("stream/", "channel/")},
            400,
            "InvalidArgumentException",
        ),
        (
            {"Status": "ENABLED", "StreamARN": STREAM.replace("eu-west-1", "us-east-1")},
            404,
            "ResourceNotFoundException",
        ),
        (
            {"Status": "ENABLED", "StreamARN": STREAM.replace("1111", "2222", 1)},
            404,
            "ResourceNotFoundException",
        ),
    ],
)
async def test_storage_needs_a_stream_of_this_account_and_region(
    video: AwsClient, lobby: str, configuration: dict[str, str], status: int, code: str
) -> None:
    refusal = await video.refusal(
        "update_media_storage_configuration",
        ChannelARN=lobby,
        MediaStorageConfiguration=configuration,
    )
    assert refusal[:2] == (status, code)


async def test_a_stream_takes_the_media_of_one_channel(
    video: AwsClient, lobby: str, front_door: str
) -> None:
    on = {"MediaStorageConfiguration": {"Status": "ENABLED", "StreamARN": STREAM}}
    await video("update_media_storage_configuration", ChannelARN=lobby, **on)
    await video("update_media_storage_configuration", ChannelARN=lobby, **on)
    refusal = await video.refusal("update_media_storage_configuration", ChannelARN=front_door, **on)
    assert refusal[:2] == (400, "ResourceInUseException")
    await video("delete_signaling_channel", ChannelARN=lobby)
    await video("update_media_storage_configuration", ChannelARN=front_door, **on)


async def test_what_was_under_way_before_a_restart_comes_to_its_end(
    video: AwsClient, local_cloud: LocalCloud, cloud_clock: ShiftedClock
) -> None:
    arn = (await video("create_signaling_channel", ChannelName="new"))["ChannelARN"]
    after = ChannelRegistry("111122223333", clock=cloud_clock)
    for record in local_cloud.state.channels.records():
        after.put(record)
    assert after.by_arn("eu-west-1", arn).status == "CREATING"
    cloud_clock.ahead_s += SETTLE_S
    assert after.by_arn("eu-west-1", arn).status == "ACTIVE"
    seeded = after.by_name("us-east-1", "parking-level-2")
    assert seeded.status == "CREATING"  # a seed's status stays
