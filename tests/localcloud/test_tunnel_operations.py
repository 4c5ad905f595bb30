"""IoT Secure Tunneling's API as boto3 sees it."""

import re
import time

import pytest
from tests.conftest import ShiftedClock
from tests.localcloud.conftest import AwsClient, AwsClients

from peerdeck.core.tunnel import Mode
from peerdeck.localcloud.cloud import LocalCloud
from peerdeck.localcloud.seed import Seed
from peerdeck.localcloud.tunnels import OpenedTunnel, Refused

PUMP = {"thingName": "pump-07", "services": ["SSH", "HTTP"]}


@pytest.fixture
def cloud_seed() -> Seed:
    return Seed()


@pytest.fixture
def tunneling(aws: AwsClients) -> AwsClient:
    return aws("iotsecuretunneling")


async def described(tunneling: AwsClient, tunnel_id: str) -> dict[str, object]:
    tunnel: dict[str, object] = (await tunneling("describe_tunnel", tunnelId=tunnel_id))["tunnel"]
    return tunnel


async def test_an_opened_tunnel_is_described_with_every_field(tunneling: AwsClient) -> None:
    opened = await tunneling(
        "open_tunnel",
        description="Ticket 4711",
        tags=[{"key": "team", "value": "field"}],
        destinationConfig=PUMP,
        timeoutConfig={"maxLifetimeTimeoutMinutes": 60},
    )
    assert re.fullmatch(r"[a-zA-Z0-9_\-+=:]{1,128}", opened["tunnelId"])
    assert opened["tunnelArn"] == (
        f"arn:aws:iot:eu-west-1:111122223333:tunnel/{opened['tunnelId']}"
    )
    assert opened["sourceAccessToken"] != opened["destinationAccessToken"]
    tunnel = await described(tunneling, opened["tunnelId"])
    created_at = tunnel.pop("createdAt")
    assert tunnel == {
        "tunnelId": opened["tunnelId"],
        "tunnelArn": opened["tunnelArn"],
        "status": "OPEN",
        "sourceConnectionState": {"status": "DISCONNECTED"},
        "destinationConnectionState": {"status": "DISCONNECTED"},
        "description": "Ticket 4711",
        "destinationConfig": PUMP,
        "timeoutConfig": {"maxLifetimeTimeoutMinutes": 60},
        "tags": [{"key": "team", "value": "field"}],
        "lastUpdatedAt": created_at,
    }
    assert created_at.timestamp() == pytest.approx(time.time(), abs=10)


async def test_an_empty_request_opens_a_tunnel_of_twelve_hours(tunneling: AwsClient) -> None:
    tunnel = await described(tunneling, (await tunneling("open_tunnel"))["tunnelId"])
    assert tunnel["timeoutConfig"] == {"maxLifetimeTimeoutMinutes": 720}
    assert "destinationConfig" not in tunnel


async def test_the_thing_hears_of_its_tunnel_and_of_a_new_token(
    tunneling: AwsClient, local_cloud: LocalCloud
) -> None:
    heard: list[OpenedTunnel] = []
    local_cloud.state.tunnels.on_opened.append(heard.append)
    opened = await tunneling("open_tunnel", destinationConfig=PUMP)
    (event,) = heard
    assert (event.thing, event.region, event.services) == ("pump-07", "eu-west-1", ("SSH", "HTTP"))
    assert event.access_token.reveal() == opened["destinationAccessToken"]
    assert opened["destinationAccessToken"] not in repr(event)
    fields = {"tunnelId": opened["tunnelId"], "clientMode": "SOURCE"}
    await tunneling("rotate_tunnel_access_token", **fields)
    assert len(heard) == 1
    fields["clientMode"] = "ALL"
    rotated = await tunneling("rotate_tunnel_access_token", **fields)
    assert heard[1].access_token.reveal() == rotated["destinationAccessToken"]
    await tunneling("open_tunnel")
    assert len(heard) == 2


async def test_a_tunnel_without_thing_is_announced_to_nobody(
    tunneling: AwsClient, local_cloud: LocalCloud
) -> None:
    heard: list[OpenedTunnel] = []
    local_cloud.state.tunnels.on_opened.append(heard.append)
    await tunneling("open_tunnel", destinationConfig={"services": ["SSH"]})
    assert heard == []


async def test_each_region_has_its_own_tunnels(aws: AwsClients, tunneling: AwsClient) -> None:
    tunnel_id = (await tunneling("open_tunnel"))["tunnelId"]
    elsewhere = aws("iotsecuretunneling", region="us-east-1")
    assert (await elsewhere("list_tunnels"))["tunnelSummaries"] == []
    assert (await elsewhere.refusal("describe_tunnel", tunnelId=tunnel_id))[1] == (
        "ResourceNotFoundException"
    )


async def test_pages_hold_every_tunnel_once_newest_first(
    tunneling: AwsClient, cloud_clock: ShiftedClock
) -> None:
    ids = []
    for _ in range(7):
        cloud_clock.ahead_s += 1
        ids.append((await tunneling("open_tunnel", destinationConfig=PUMP))["tunnelId"])
    token, found, count = "", [], 0
    while token or not count:
        fields = {"nextToken": token} if token else {}
        page = await tunneling("list_tunnels", maxResults=3, thingName="pump-07", **fields)
        found += [summary["tunnelId"] for summary in page["tunnelSummaries"]]
        token, count = page.get("nextToken", ""), count + 1
    assert (count, found) == (3, ids[::-1])


async def test_only_the_things_tunnels_are_listed(tunneling: AwsClient) -> None:
    await tunneling("open_tunnel")
    mine = await tunneling("open_tunnel", destinationConfig=PUMP)
    listed = await tunneling("list_tunnels", thingName="pump-07")
    (summary,) = listed["tunnelSummaries"]
    assert summary["tunnelId"] == mine["tunnelId"]
    assert set(summary) == {"tunnelId", "tunnelArn", "status", "createdAt", "lastUpdatedAt"}


async def test_a_foreign_page_token_is_refused(tunneling: AwsClient) -> None:
    for _ in range(2):
        await tunneling("open_tunnel", destinationConfig=PUMP)
    page = await tunneling("list_tunnels", maxResults=1)
    for fields in ({"nextToken": "AAAA"}, {"nextToken": page["nextToken"], "thingName": "x"}):
        refusal = await tunneling.refusal("list_tunnels", **fields)
        assert refusal[:2] == (400, "ValidationException")


async def test_closing_keeps_a_tunnel_listed_and_deleting_does_not(tunneling: AwsClient) -> None:
    kept = (await tunneling("open_tunnel"))["tunnelId"]
    gone = (await tunneling("open_tunnel"))["tunnelId"]
    await tunneling("close_tunnel", tunnelId=kept)
    await tunneling("close_tunnel", tunnelId=kept)
    await tunneling("close_tunnel", tunnelId=gone, delete=True)
    listed = (await tunneling("list_tunnels"))["tunnelSummaries"]
    assert [(t["tunnelId"], t["status"]) for t in listed] == [(kept, "CLOSED")]
    status, code, message = await tunneling.refusal("close_tunnel", tunnelId=gone)
    assert (status, code) == (400, "ResourceNotFoundException")
    assert gone in message


async def test_a_tunnel_closes_at_the_end_of_its_life(
    tunneling: AwsClient, cloud_clock: ShiftedClock
) -> None:
    opened = await tunneling("open_tunnel", timeoutConfig={"maxLifetimeTimeoutMinutes": 1})
    cloud_clock.ahead_s = 59
    assert (await described(tunneling, opened["tunnelId"]))["status"] == "OPEN"
    cloud_clock.ahead_s = 61
    fresh = await tunneling("list_tunnels")  # boto3 signs 61 s in the past: within the window
    assert [t["status"] for t in fresh["tunnelSummaries"]] == ["CLOSED"]


async def test_connection_states_follow_the_relay(
    tunneling: AwsClient, local_cloud: LocalCloud
) -> None:
    opened = await tunneling("open_tunnel", destinationConfig=PUMP)
    registry = local_cloud.state.tunnels
    admission = registry.admit(Mode.SOURCE, opened["sourceAccessToken"], None)
    registry.connected(admission)
    tunnel = await described(tunneling, opened["tunnelId"])
    state = tunnel["sourceConnectionState"]
    assert isinstance(state, dict)
    assert state["status"] == "CONNECTED"
    assert state["lastUpdatedAt"].timestamp() == pytest.approx(time.time(), abs=10)
    assert tunnel["destinationConnectionState"] == {"status": "DISCONNECTED"}
    registry.disconnected(admission)
    tunnel = await described(tunneling, opened["tunnelId"])
    assert tunnel["sourceConnectionState"]["status"] == "DISCONNECTED"  # type: ignore[index]


async def test_rotating_replaces_the_tokens_of_the_mode(
    tunneling: AwsClient, local_cloud: LocalCloud
) -> None:
    opened = await tunneling("open_tunnel", destinationConfig=PUMP)
    rotated = await tunneling(
        "rotate_tunnel_access_token", tunnelId=opened["tunnelId"], clientMode="SOURCE"
    )
    assert set(rotated) - {"ResponseMetadata"} == {"tunnelArn", "sourceAccessToken"}
    admit = local_cloud.state.tunnels.admit
    with pytest.raises(Refused):
        admit(Mode.SOURCE, opened["sourceAccessToken"], None)
    assert admit(Mode.SOURCE, rotated["sourceAccessToken"], None).tunnel_id == opened["tunnelId"]
    admit(Mode.DESTINATION, opened["destinationAccessToken"], None)


async def test_rotating_can_name_another_destination(tunneling: AwsClient) -> None:
    tunnel_id = (await tunneling("open_tunnel", destinationConfig=PUMP))["tunnelId"]
    await tunneling(
        "rotate_tunnel_access_token",
        tunnelId=tunnel_id,
        clientMode="ALL",
        destinationConfig={"thingName": "gate-12", "services": ["VNC"]},
    )
    tunnel = await described(tunneling, tunnel_id)
    assert tunnel["destinationConfig"] == {"thingName": "gate-12", "services": ["VNC"]}


async def test_a_closed_tunnel_is_not_rotated(tunneling: AwsClient) -> None:
    tunnel_id = (await tunneling("open_tunnel"))["tunnelId"]
    await tunneling("close_tunnel", tunnelId=tunnel_id)
    refusal = await tunneling.refusal(
        "rotate_tunnel_access_token", tunnelId=tunnel_id, clientMode="ALL"
    )
    assert refusal[1] == "ResourceNotFoundException"


async def test_tags_are_added_replaced_and_removed(tunneling: AwsClient) -> None:
    arn = (await tunneling("open_tunnel", tags=[{"key": "a", "value": "1"}]))["tunnelArn"]
    await tunneling(
        "tag_resource",
        resourceArn=arn,
        tags=[{"key": "a", "value": "2"}, {"key": "ünï 1", "value": ""}],
    )
    tags = (await tunneling("list_tags_for_resource", resourceArn=arn))["tags"]
    assert tags == [{"key": "a", "value": "2"}, {"key": "ünï 1", "value": ""}]
    await tunneling("untag_resource", resourceArn=arn, tagKeys=["a", "never-there"])
    tags = (await tunneling("list_tags_for_resource", resourceArn=arn))["tags"]
    assert tags == [{"key": "ünï 1", "value": ""}]


@pytest.mark.parametrize(
    ("operation", "fields"),
    [
        ("tag_resource", {"tags": [{"key": "a", "value": "b"}]}),
        ("untag_resource", {"tagKeys": ["a"]}),
        ("list_tags_for_resource", {}),
    ],
)
async def test_tags_of_an_unknown_resource_are_not_found(
    tunneling: AwsClient, operation: str, fields: dict[str, object]
) -> None:
    arn = "arn:aws:iot:eu-west-1:111122223333:tunnel/none"
    refusal = await tunneling.refusal(operation, resourceArn=arn, **fields)
    assert refusal[:2] == (400, "ResourceNotFoundException")


async def test_limits_are_the_services(tunneling: AwsClient) -> None:
    four = {"services": ["a", "b", "c", "d"]}
    refusal = await tunneling.refusal("open_tunnel", destinationConfig=four)
    assert refusal[:2] == (400, "LimitExceededException")
    arn = (await tunneling("open_tunnel"))["tunnelArn"]
    for start in (0, 100):
        tags = [{"key": f"k{n}", "value": ""} for n in range(start, start + 100)]
        await tunneling("tag_resource", resourceArn=arn, tags=tags)
    refusal = await tunneling.refusal(
        "tag_resource", resourceArn=arn, tags=[{"key": "k200", "value": ""}]
    )
    assert refusal[:2] == (400, "LimitExceededException")


@pytest.mark.parametrize(
    ("operation", "fields", "words"),
    [
        ("describe_tunnel", {}, "Value null at 'tunnelId'"),
        ("describe_tunnel", {"tunnelId": "x" * 129}, "at 'tunnelId' failed"),
        ("open_tunnel", {"destinationConfig": {"thingName": "p"}}, "'destinationConfig.services'"),
        (
            "open_tunnel",
            {"destinationConfig": {"services": ["no space"]}},
            "'destinationConfig.services.1.member'",
        ),
        ("open_tunnel", {"destinationConfig": {"services": []}}, "length greater than or equal"),
        ("open_tunnel", {"destinationConfig": {"services": ["a", "a"]}}, "unique"),
        (
            "open_tunnel",
            {"timeoutConfig": {"maxLifetimeTimeoutMinutes": 721}},
            "Member must have value less than or equal to 720",
        ),
        ("open_tunnel", {"description": "line\nbreak"}, "at 'description'"),
        ("open_tunnel", {"description": "zero width \u200b"}, "at 'description'"),
        ("open_tunnel", {"tags": []}, "at 'tags'"),
        ("open_tunnel", {"tags": [{"key": "", "value": ""}]}, "at 'tags.1.member.key'"),
        ("list_tunnels", {"maxResults": 101}, "at 'maxResults'"),
        (
            "rotate_tunnel_access_token",
            {"tunnelId": "x", "clientMode": "BOTH"},
            "Member must satisfy enum value set: [ALL, DESTINATION, SOURCE]",
        ),
    ],
)
async def test_broken_constraints_are_validation_exceptions(
    aws: AwsClients, operation: str, fields: dict[str, object], words: str
) -> None:
    client = aws("iotsecuretunneling", validate=False)
    status, code, message = await client.refusal(operation, **fields)
    assert (status, code) == (400, "ValidationException")
    assert words in message


async def test_a_description_may_hold_any_printable_text(tunneling: AwsClient) -> None:
    text = "Größe → 3 €, «ok» 日本 " + "x" * 2000
    tunnel_id = (await tunneling("open_tunnel", description=text))["tunnelId"]
    assert (await described(tunneling, tunnel_id))["description"] == text
