"""Signaling channels as boto3 sees them."""

import re
import time

import pytest
from tests.localcloud.conftest import AwsClients, endpoints_of

from peerdeck.localcloud.cloud import LocalCloud
from peerdeck.localcloud.seed import Seed, SeedChannel, demo_seed

MISSING = "arn:aws:kinesisvideo:eu-west-1:111122223333:channel/nowhere/1700000000000"


async def names(aws: AwsClients, region: str = "eu-west-1", **fields: object) -> list[str]:
    answer = await aws("kinesisvideo", region=region)("list_signaling_channels", **fields)
    return [channel["ChannelName"] for channel in answer["ChannelInfoList"]]


async def test_each_region_lists_its_own_channels(aws: AwsClients) -> None:
    assert "front-door" in await names(aws)
    assert "warehouse-gate" in await names(aws, "us-east-1")
    assert not set(await names(aws)) & set(await names(aws, "us-east-1"))
    assert await names(aws, "ap-south-1") == []


async def test_a_listed_channel_has_every_field(aws: AwsClients) -> None:
    answer = await aws("kinesisvideo")("list_signaling_channels", MaxResults=1)
    (channel,) = answer["ChannelInfoList"]
    assert re.fullmatch(
        r"arn:aws:kinesisvideo:eu-west-1:111122223333:channel/front-door/\d{13}",
        channel["ChannelARN"],
    )
    assert channel["ChannelType"] == "SINGLE_MASTER"
    assert channel["ChannelStatus"] == "ACTIVE"
    assert channel["SingleMasterConfiguration"] == {"MessageTtlSeconds": 60}
    age_s = time.time() - channel["CreationTime"].timestamp()
    assert age_s == pytest.approx(212 * 86400, abs=60)
    assert channel["Version"].isalnum()


async def test_pages_hold_every_channel_once_in_order(aws: AwsClients) -> None:
    pages = await aws("kinesisvideo").pages(
        "list_signaling_channels", PaginationConfig={"PageSize": 2}
    )
    found = [channel["ChannelName"] for page in pages for channel in page["ChannelInfoList"]]
    assert len(pages) == 3
    assert found == sorted(c.name for c in demo_seed().channels if c.region == "eu-west-1")


async def test_a_channel_created_between_two_pages_does_not_shift_them(aws: AwsClients) -> None:
    client = aws("kinesisvideo")
    first = await client("list_signaling_channels", MaxResults=2)
    await client("create_signaling_channel", ChannelName="aaa")
    rest = await client("list_signaling_channels", NextToken=first["NextToken"])
    found = [c["ChannelName"] for c in first["ChannelInfoList"] + rest["ChannelInfoList"]]
    assert len(found) == len(set(found)) == 6


async def test_begins_with_filters_and_keeps_its_pages_apart(aws: AwsClients) -> None:
    condition = {"ComparisonOperator": "BEGINS_WITH", "ComparisonValue": "lo"}
    assert await names(aws, ChannelNameCondition=condition) == ["loading-bay", "lobby"]
    client = aws("kinesisvideo")
    page = await client("list_signaling_channels", MaxResults=1, ChannelNameCondition=condition)
    status, code, _ = await client.refusal("list_signaling_channels", NextToken=page["NextToken"])
    assert (status, code) == (400, "InvalidArgumentException")
    rest = await client(
        "list_signaling_channels", NextToken=page["NextToken"], ChannelNameCondition=condition
    )
    assert [c["ChannelName"] for c in rest["ChannelInfoList"]] == ["lobby"]
    assert "NextToken" not in rest


@pytest.mark.parametrize("token", ["AAAA", "not/of+ours==", "A" * 1025])
async def test_a_foreign_page_token_is_refused(aws: AwsClients, token: str) -> None:
    status, code, _ = await aws("kinesisvideo").refusal("list_signaling_channels", NextToken=token)
    assert (status, code) == (400, "InvalidArgumentException")


class TestTenThousandChannels:
    @pytest.fixture
    def cloud_seed(self) -> Seed:
        return Seed(
            channels=tuple(SeedChannel("eu-west-1", f"camera-{n:05}") for n in range(10_000))
        )

    async def test_all_come_through_the_paginator(self, aws: AwsClients) -> None:
        pages = await aws("kinesisvideo").pages("list_signaling_channels")
        found = [c["ChannelName"] for page in pages for c in page["ChannelInfoList"]]
        assert found == [f"camera-{n:05}" for n in range(10_000)]

    async def test_one_more_is_over_the_accounts_limit(self, aws: AwsClients) -> None:
        status, code, _ = await aws("kinesisvideo").refusal(
            "create_signaling_channel", ChannelName="one-more"
        )
        assert (status, code) == (400, "AccountChannelLimitExceededException")


async def test_a_channel_is_described_by_name_and_by_arn(aws: AwsClients, front_door: str) -> None:
    client = aws("kinesisvideo")
    by_name = await client("describe_signaling_channel", ChannelName="front-door")
    by_arn = await client("describe_signaling_channel", ChannelARN=front_door)
    assert by_name["ChannelInfo"] == by_arn["ChannelInfo"]
    assert by_arn["ChannelInfo"]["ChannelARN"] == front_door


@pytest.mark.parametrize("fields", [{"ChannelName": "nowhere"}, {"ChannelARN": MISSING}])
async def test_an_unknown_channel_is_not_found(aws: AwsClients, fields: dict[str, str]) -> None:
    assert await aws("kinesisvideo").refusal("describe_signaling_channel", **fields) == (
        404,
        "ResourceNotFoundException",
        "The requested channel is not found or not active.",
    )


async def test_a_channel_of_another_region_is_not_found(aws: AwsClients, front_door: str) -> None:
    client = aws("kinesisvideo", region="us-east-1")
    status, code, _ = await client.refusal("describe_signaling_channel", ChannelARN=front_door)
    assert (status, code) == (404, "ResourceNotFoundException")


async def test_describing_needs_a_name_or_an_arn(aws: AwsClients) -> None:
    status, code, _ = await aws("kinesisvideo").refusal("describe_signaling_channel")
    assert (status, code) == (400, "InvalidArgumentException")


async def test_endpoints_differ_by_role_and_protocol_and_stay(
    aws: AwsClients, front_door: str
) -> None:
    client = aws("kinesisvideo")
    viewer = await endpoints_of(client, front_door, "VIEWER")
    master = await endpoints_of(client, front_door, "MASTER")
    assert viewer["WSS"].startswith("ws://127.0.0.1:")
    assert viewer["HTTPS"].startswith("http://127.0.0.1:")
    assert len({*viewer.values(), *master.values()}) == 4
    assert await endpoints_of(client, front_door, "VIEWER") == viewer


async def test_webrtc_endpoint_needs_ingestion(aws: AwsClients, front_door: str) -> None:
    status, code, _ = await aws("kinesisvideo").refusal(
        "get_signaling_channel_endpoint",
        ChannelARN=front_door,
        SingleMasterChannelEndpointConfiguration={"Protocols": ["WEBRTC"], "Role": "MASTER"},
    )
    assert (status, code) == (400, "InvalidArgumentException")


@pytest.mark.parametrize(
    ("name", "region", "code"),
    [
        ("parking-level-2", "us-east-1", "ResourceInUseException"),
        ("intercom-mesh", "eu-west-1", "InvalidArgumentException"),
    ],
)
async def test_a_channel_that_is_not_ready_or_no_single_master_has_no_endpoint(
    aws: AwsClients, local_cloud: LocalCloud, name: str, region: str, code: str
) -> None:
    arn = local_cloud.state.channels.by_name(region, name).arn
    client = aws("kinesisvideo", region=region)
    refusal = await client.refusal("get_signaling_channel_endpoint", ChannelARN=arn)
    assert refusal[:2] == (400, code)


async def test_ice_servers_come_from_the_channels_endpoint(
    aws: AwsClients, local_cloud: LocalCloud, front_door: str
) -> None:
    endpoints = await endpoints_of(aws("kinesisvideo"), front_door, "VIEWER")
    client = aws("kinesis-video-signaling", endpoint=endpoints["HTTPS"])
    answer = await client("get_ice_server_config", ChannelARN=front_door, Username="ada")
    server = answer["IceServerList"][0]
    turn = f"turn:127.0.0.1:{local_cloud.turn.port}?transport="
    assert server["Uris"] == [turn + "udp", turn + "tcp"]
    assert server["Ttl"] == 300
    assert server["Username"].endswith(":ada")
    assert server["Password"]
    again = await client("get_ice_server_config", ChannelARN=front_door)
    assert again["IceServerList"][0]["Username"] != server["Username"]


async def test_there_are_two_sets_of_ice_servers_with_credentials_of_their_own(
    aws: AwsClients, local_cloud: LocalCloud, front_door: str
) -> None:
    """As the service has it; whoever keys by URI relies on each being there once."""
    endpoints = await endpoints_of(aws("kinesisvideo"), front_door, "VIEWER")
    client = aws("kinesis-video-signaling", endpoint=endpoints["HTTPS"])
    sets = (await client("get_ice_server_config", ChannelARN=front_door))["IceServerList"]
    assert len(sets) == 2
    assert len({each["Password"] for each in sets}) == 2
    uris = [uri for each in sets for uri in each["Uris"]]
    ports = local_cloud.ports
    assert uris == [
        f"turn:127.0.0.1:{port}?transport={transport}"
        for port in (ports.turn, ports.turn2)
        for transport in ("udp", "tcp")
    ]
    assert len(set(uris)) == len(uris)


class TestShortLivedIceServers:
    @pytest.fixture
    def cloud_seed(self) -> Seed:
        return Seed(channels=(SeedChannel("eu-west-1", "c", live=True),), ice_ttl_s=30)

    async def test_ttl_is_the_seeds(self, aws: AwsClients, front_door: str) -> None:
        endpoints = await endpoints_of(aws("kinesisvideo"), front_door, "MASTER")
        client = aws("kinesis-video-signaling", endpoint=endpoints["HTTPS"])
        answer = await client("get_ice_server_config", ChannelARN=front_door)
        assert answer["IceServerList"][0]["Ttl"] == 30


async def test_the_regional_endpoint_refuses_ice_servers_in_aws_words(
    aws: AwsClients, front_door: str
) -> None:
    client = aws("kinesis-video-signaling")
    status, code, message = await client.refusal("get_ice_server_config", ChannelARN=front_door)
    assert (status, code) == (403, "403")  # no error header there, so boto3 has but the status
    assert "Unable to determine service/operation name to be authorized" in message


async def test_a_channels_endpoint_answers_for_no_other_operation_channel_or_region(
    aws: AwsClients, local_cloud: LocalCloud, front_door: str
) -> None:
    https = (await endpoints_of(aws("kinesisvideo"), front_door, "VIEWER"))["HTTPS"]
    refusal = await aws("kinesisvideo", endpoint=https).refusal("list_signaling_channels")
    assert refusal[0] == 403
    other = local_cloud.state.channels.by_name("eu-west-1", "lobby").arn
    client = aws("kinesis-video-signaling", endpoint=https)
    refusal = await client.refusal("get_ice_server_config", ChannelARN=other)
    assert refusal[:2] == (400, "InvalidArgumentException")
    stranger = aws("kinesis-video-signaling", endpoint=https, region="us-east-1")
    status, code, message = await stranger.refusal("get_ice_server_config", ChannelARN=front_door)
    assert (status, code) == (403, "InvalidSignatureException")
    assert "valid region" in message


async def test_a_reserved_client_id_is_an_invalid_client(aws: AwsClients, front_door: str) -> None:
    https = (await endpoints_of(aws("kinesisvideo"), front_door, "VIEWER"))["HTTPS"]
    client = aws("kinesis-video-signaling", endpoint=https)
    refusal = await client.refusal("get_ice_server_config", ChannelARN=front_door, ClientId="AWS_x")
    assert refusal[:2] == (400, "InvalidClientException")


async def test_a_name_is_taken_once(aws: AwsClients) -> None:
    refusal = await aws("kinesisvideo").refusal(
        "create_signaling_channel", ChannelName="front-door"
    )
    assert refusal[:2] == (400, "ResourceInUseException")


@pytest.mark.parametrize(
    ("operation", "fields", "words"),
    [
        (
            "list_signaling_channels",
            {"MaxResults": 10_001},
            (
                "1 validation error detected: Value '10001' at 'maxResults' failed to satisfy "
                "constraint: Member must have value less than or equal to 10000"
            ),
        ),
        (
            "list_signaling_channels",
            {"MaxResults": 0},
            "Member must have value greater than or equal to 1",
        ),
        ("describe_signaling_channel", {"ChannelName": ""}, "length greater than or equal to 1"),
        (
            "describe_signaling_channel",
            {"ChannelName": "a b"},
            (
                "Value 'a b' at 'channelName' failed to satisfy constraint: Member must satisfy "
                "regular expression pattern: [a-zA-Z0-9_.-]+"
            ),
        ),
        ("describe_signaling_channel", {"ChannelARN": "arn:x"}, "at 'channelARN' failed"),
        (
            "create_signaling_channel",
            {
                "ChannelName": "x" * 257,
                "ChannelType": "MESH",
                "SingleMasterConfiguration": {"MessageTtlSeconds": 4},
            },
            "3 validation errors detected",
        ),
        (
            "create_signaling_channel",
            {"ChannelName": "x", "SingleMasterConfiguration": {"MessageTtlSeconds": 121}},
            "at 'singleMasterConfiguration.messageTtlSeconds'",
        ),
        (
            "create_signaling_channel",
            {"ChannelName": "x", "Tags": [{"Key": "k"}]},
            (
                "Value null at 'tags.1.member.value' failed to satisfy constraint: "
                "Member must not be null"
            ),
        ),
        (
            "create_signaling_channel",
            {"ChannelName": "x", "Tags": [{"Key": "emoji \U0001f600", "Value": ""}]},
            "at 'tags.1.member.key'",
        ),
        ("get_signaling_channel_endpoint", {}, "Value null at 'channelARN'"),
        (
            "get_signaling_channel_endpoint",
            {
                "ChannelARN": MISSING,
                "SingleMasterChannelEndpointConfiguration": {"Protocols": [], "Role": "BOSS"},
            },
            "Member must satisfy enum value set: [MASTER, VIEWER]",
        ),
    ],
)
async def test_broken_constraints_are_named_as_aws_names_them(
    aws: AwsClients, operation: str, fields: dict[str, object], words: str
) -> None:
    client = aws("kinesisvideo", validate=False)
    status, code, message = await client.refusal(operation, **fields)
    assert (status, code) == (400, "InvalidArgumentException")
    assert words in message
