"""Seed files: what they may say, and how a mistake is answered."""

import json
from pathlib import Path

import pytest

from peerdeck.core.errors import FieldError
from peerdeck.localcloud.cloud import LocalCloud
from peerdeck.localcloud.seed import Seed, SeedChannel, SeedThing, SeedTunnel
from peerdeck.localcloud.seed_file import MAX_BYTES, read_seed

WHOLE = """
account: "444455556666"
regions: [eu-west-1, us-east-1]
access_key: AKIATEST
secret_key: s3cret
ice_ttl_seconds: 60
channels:
  - region: eu-west-1
    name: front-door
    message_ttl_seconds: 30
    tags: {floor: ground}
    age_seconds: 90
    live: true
  - {region: us-east-1, name: mesh, type: FULL_MESH}
things:
  - {region: eu-west-1, name: "pump:07"}
tunnels:
  - region: us-east-1
    thing: kiosk-3
    services: [SSH, HTTP]
    description: Ticket 4711
    tags: {team: field}
    lifetime_minutes: 60
    age_seconds: 30
    closed: true
"""


def seed(tmp_path: Path, text: str, name: str = "seed.yaml", **more: object) -> Seed:
    file = tmp_path / name
    file.write_text(text)
    return read_seed(file, **more)  # type: ignore[arg-type]


def test_everything_has_its_place(tmp_path: Path) -> None:
    read = seed(tmp_path, WHOLE)
    assert read.secret_key.reveal() == "s3cret"
    assert (read.account, read.access_key, read.ice_ttl_s) == ("444455556666", "AKIATEST", 60)
    assert read.regions == ("eu-west-1", "us-east-1")
    assert read.channels == (
        SeedChannel(
            "eu-west-1", "front-door", ttl_s=30, age_s=90, live=True, tags={"floor": "ground"}
        ),
        SeedChannel("us-east-1", "mesh", kind="FULL_MESH", age_s=0),
    )
    assert read.things == (SeedThing("pump:07", "eu-west-1"),)
    assert read.tunnels == (
        SeedTunnel(
            "us-east-1", "kiosk-3", ("SSH", "HTTP"), "Ticket 4711", {"team": "field"}, 60, 30, True
        ),
    )


async def test_a_cloud_starts_from_it(tmp_path: Path) -> None:
    async with LocalCloud(seed(tmp_path, WHOLE)) as cloud:
        arn = cloud.live_channels[0][1]
        assert cloud.state.channels.tags("eu-west-1", arn) == {"floor": "ground"}
        assert cloud.credentials.access_key == "AKIATEST"
        (tunnel,) = cloud.state.tunnels.tunnels("us-east-1")
        assert tunnel.status == "CLOSED"


def test_json_is_read_as_well(tmp_path: Path) -> None:
    text = json.dumps({"channels": [{"region": "eu-west-1", "name": "x"}]})
    assert seed(tmp_path, text, "seed.json").channels == seed(tmp_path, text).channels


def test_regions_are_those_that_are_named_and_an_empty_file_is_fine(tmp_path: Path) -> None:
    assert seed(tmp_path, "things: [{region: eu-north-1, name: x}]").regions == ("eu-north-1",)
    assert seed(tmp_path, "").regions == Seed().regions


def test_asked_regions_leave_out_the_others(tmp_path: Path) -> None:
    read = seed(tmp_path, WHOLE, regions=("us-east-1",))
    assert read.regions == ("us-east-1",)
    assert [c.name for c in read.channels] == ["mesh"]
    assert read.things == ()


@pytest.mark.parametrize(
    ("text", "field", "value", "rule"),
    [
        ("channels: [{region: eu-west-1, name: a b}]", "channels[0].name", "a b", "matching"),
        ("channels: [{region: Ireland, name: a}]", "channels[0].region", "Ireland", "matching"),
        ("channels: [{region: eu-west-1}]", "channels[0]", "region", "missing required field name"),
        ("channels: [{region: eu-west-1, name: a, ttl: 1}]", "channels[0]", "region, name, ttl",
         "unknown field ttl"),
        ("channels: [{region: eu-west-1, name: a, message_ttl_seconds: 4}]",
         "channels[0].message_ttl_seconds", "4", ">= 5"),
        ("channels: [{region: eu-west-1, name: a, live: yes please}]", "channels[0].live",
         "yes please", "expected bool"),
        ("channels: [{region: eu-west-1, name: a, type: MESH}]", "channels[0].type", "MESH",
         "invalid enum value"),
        ("channels: [{region: eu-west-1, name: a}, {region: eu-west-1, name: a}]", "channels", "a",
         "must not occur twice in eu-west-1"),
        ("channels: [{region: eu-west-1, name: a, type: FULL_MESH, live: true}]",
         "channels[0].live", "true", "needs type SINGLE_MASTER"),
        ("things: [{region: eu-west-1, name: a}, {region: eu-west-1, name: a}]", "things", "a",
         "must not occur twice"),
        ("tunnels: [{region: eu-west-1, services: [A, B, C, D]}]", "tunnels[0].services",
         "4 entries", "length <= 3"),
        ("tunnels: [{region: eu-west-1, services: [A, A]}]", "tunnels[0].services", "A, A",
         "must differ"),
        ("tunnels: [{region: eu-west-1, lifetime_minutes: 721}]", "tunnels[0].lifetime_minutes",
         "721", "<= 720"),
        ("account: 111122223333", "account", "111122223333", "expected str"),
        ("access_key: AKIA", "access_key", "AKIA", "goes with a secret_key"),
        ("channels: 5", "channels", "5", "expected array"),
        ("[1]", "seed file", "1 entries", "expected object"),
        ("a: [", "seed file", "", "cannot be read"),
        ("\x00", "seed file", "", "cannot be read"),
        ("!!python/object/apply:os.system ['true']", "seed file", "", "cannot be read"),
    ],
)  # fmt: skip
def test_a_mistake_names_field_value_and_rule(
    tmp_path: Path, text: str, field: str, value: str, rule: str
) -> None:
    with pytest.raises(FieldError) as caught:
        seed(tmp_path, text)
    assert caught.value.field == field
    assert value in caught.value.value
    assert rule in caught.value.rule


@pytest.mark.parametrize(
    "text", ["secret_key: [s3cret]", "secret_key: s3cret\nodd: 1", "secret_key: 4711"]
)
def test_no_mistake_shows_the_secret_key(tmp_path: Path, text: str) -> None:
    with pytest.raises(FieldError) as caught:
        seed(tmp_path, text)
    assert "s3cret" not in str(caught.value)
    assert "4711" not in str(caught.value)


def test_a_huge_file_is_refused_unread(tmp_path: Path) -> None:
    file = tmp_path / "seed.yaml"
    with file.open("wb") as stream:
        stream.truncate(MAX_BYTES + 1)
    with pytest.raises(FieldError, match="16 MiB"):
        read_seed(file)


def test_an_absent_file_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_seed(tmp_path / "none.yaml")
