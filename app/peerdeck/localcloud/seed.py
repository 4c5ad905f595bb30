"""What a local cloud holds when it starts."""

import contextlib
from dataclasses import dataclass, field

from peerdeck.core.secret import Secret
from peerdeck.localcloud.channels import ChannelMissingError
from peerdeck.localcloud.sigv4 import AccessKey
from peerdeck.localcloud.state import CloudState

_DAY_S = 86400.0


@dataclass(frozen=True, slots=True)
class SeedChannel:
    """live: wiring puts a camera on it. age_s: seconds since its creation."""

    region: str
    name: str
    kind: str = "SINGLE_MASTER"
    ttl_s: int = 60
    status: str = "ACTIVE"
    age_s: float = _DAY_S
    live: bool = False
    tags: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SeedThing:
    """A thing for which wiring starts a device."""

    name: str
    region: str
    services: tuple[str, ...] = ("SSH", "HTTP")


@dataclass(frozen=True, slots=True)
class SeedTunnel:
    """A tunnel that somebody opened before; its tokens are gone, as they would be."""

    region: str
    thing: str = ""
    services: tuple[str, ...] = ()
    description: str = ""
    tags: dict[str, str] = field(default_factory=dict)
    lifetime_min: int = 720
    age_s: float = 0.0
    closed: bool = False


@dataclass(frozen=True, slots=True)
class Seed:
    """access_key, secret_key: empty means random ones. keys: further keys, by access key.

    ice_ttl_s: lifetime of TURN credentials, 30–86400 s.
    """

    account: str = "111122223333"
    regions: tuple[str, ...] = ("eu-west-1", "us-east-1")
    channels: tuple[SeedChannel, ...] = ()
    things: tuple[SeedThing, ...] = ()
    tunnels: tuple[SeedTunnel, ...] = ()
    access_key: str = ""
    secret_key: Secret = Secret("")
    keys: dict[str, AccessKey] = field(default_factory=dict, repr=False)
    ice_ttl_s: int = 300


def demo_seed() -> Seed:
    """Two regions of a small building-services company; the front door's camera is live."""
    ireland, virginia = "eu-west-1", "us-east-1"
    return Seed(
        regions=(ireland, virginia),
        channels=(
            SeedChannel(ireland, "front-door", age_s=212 * _DAY_S, live=True),
            SeedChannel(ireland, "loading-bay", age_s=198 * _DAY_S),
            SeedChannel(ireland, "lobby", age_s=190 * _DAY_S, ttl_s=30),
            SeedChannel(ireland, "pump-room", age_s=64 * _DAY_S, ttl_s=120),
            SeedChannel(ireland, "roof-east", age_s=9 * _DAY_S),
            SeedChannel(ireland, "intercom-mesh", kind="FULL_MESH", age_s=3 * _DAY_S),
            SeedChannel(virginia, "warehouse-gate", age_s=410 * _DAY_S),
            SeedChannel(virginia, "kiosk-3-camera", age_s=88 * _DAY_S),
            SeedChannel(virginia, "parking-level-2", age_s=30.0, status="CREATING"),
        ),
        things=(
            SeedThing("pump-07", ireland),
            SeedThing("gate-12", ireland),
            SeedThing("kiosk-3", virginia),
        ),
        tunnels=(
            SeedTunnel(
                ireland,
                "gate-12",
                ("SSH",),
                "Barrier does not open, ticket 4711",
                {"team": "field-service"},
                lifetime_min=60,
                age_s=20 * 60.0,
            ),
            SeedTunnel(
                ireland,
                "pump-07",
                ("SSH", "HTTP"),
                "Firmware 2.3 roll-out",
                {"team": "field-service", "change": "2231"},
                lifetime_min=30,
                age_s=95 * 60.0,
            ),
            SeedTunnel(
                virginia,
                "kiosk-3",
                ("HTTP",),
                "Printer settings",
                age_s=40 * 60.0,
                closed=True,
            ),
        ),
    )


def plant(seed: Seed, state: CloudState, *, only_live: bool = False) -> tuple[tuple[str, str], ...]:
    """Creates what the seed names; returns region and ARN of the live channels.

    only_live: all is there already, from before a restart; what was deleted since stays so.
    """
    if not only_live:
        _sow(seed, state)
    live = []
    for sown in seed.channels:
        if sown.live:
            with contextlib.suppress(ChannelMissingError):
                live.append((sown.region, state.channels.by_name(sown.region, sown.name).arn))
    return tuple(live)


def _sow(seed: Seed, state: CloudState) -> None:
    for sown in seed.channels:
        state.channels.create(
            sown.region,
            sown.name,
            kind=sown.kind,
            ttl_s=sown.ttl_s,
            status=sown.status,
            age_s=sown.age_s,
            tags=sown.tags,
        )
    for tunnel in seed.tunnels:
        record, _, _ = state.tunnels.open(
            tunnel.region,
            thing=tunnel.thing,
            services=tunnel.services,
            description=tunnel.description,
            tags=tunnel.tags,
            lifetime_min=tunnel.lifetime_min,
            announce=False,
            age_s=tunnel.age_s,
        )
        if tunnel.closed:
            state.tunnels.close(tunnel.region, record.id)
