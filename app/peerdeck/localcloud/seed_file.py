"""Seed files: YAML, or JSON where the name ends so, as a person writes them.

    account: "111122223333"
    channels:
      - {region: eu-west-1, name: front-door, live: true}
      - {region: eu-west-1, name: lobby, message_ttl_seconds: 30, tags: {floor: ground}}
    things:
      - {name: pump-07, region: eu-west-1}
    tunnels:
      - {region: eu-west-1, thing: pump-07, services: [SSH], description: Ticket 4711}

Everything but names and regions has a default. The rules are AWS's own; a mistake is answered with
the field, its value and its rule.
"""

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from peerdeck.core.errors import FieldError
from peerdeck.core.secret import Secret
from peerdeck.core.tunnel import MAX_LIFETIME_MIN, MAX_SERVICES
from peerdeck.localcloud.seed import Seed, SeedChannel, SeedThing, SeedTunnel

MAX_BYTES = 16 << 20
_REGION = "^[a-z]{2}(-[a-z]+)+-[0-9]+$"
_Region = Annotated[str, Meta(pattern=_REGION)]
_Name = Annotated[str, Meta(pattern="^[a-zA-Z0-9_.-]{1,256}$")]
_Thing = Annotated[str, Meta(pattern="^[a-zA-Z0-9:_-]{1,128}$")]
_Tags = dict[
    Annotated[str, Meta(min_length=1, max_length=128)], Annotated[str, Meta(max_length=256)]
]
_Age = Annotated[float, Meta(ge=0)]


class _Channel(Struct, forbid_unknown_fields=True):
    region: _Region
    name: _Name
    type: Literal["SINGLE_MASTER", "FULL_MESH"] = "SINGLE_MASTER"
    message_ttl_seconds: Annotated[int, Meta(ge=5, le=120)] = 60
    tags: _Tags = {}
    age_seconds: _Age = 0.0
    live: bool = False


class _ThingEntry(Struct, forbid_unknown_fields=True):
    region: _Region
    name: _Thing


class _Tunnel(Struct, forbid_unknown_fields=True):
    region: _Region
    thing: Annotated[str, Meta(pattern="^[a-zA-Z0-9:_-]{0,128}$")] = ""
    services: Annotated[tuple[_Thing, ...], Meta(max_length=MAX_SERVICES)] = ()
    description: Annotated[str, Meta(max_length=2048)] = ""
    tags: _Tags = {}
    lifetime_minutes: Annotated[int, Meta(ge=1, le=MAX_LIFETIME_MIN)] = MAX_LIFETIME_MIN
    age_seconds: _Age = 0.0
    closed: bool = False


class _File(Struct, forbid_unknown_fields=True):
    account: Annotated[str, Meta(pattern="^[0-9]{12}$")] = "111122223333"
    regions: tuple[_Region, ...] = ()
    access_key: Annotated[str, Meta(pattern="^[A-Za-z0-9]{0,128}$")] = ""
    secret_key: Annotated[str, Meta(max_length=256)] = ""
    ice_ttl_seconds: Annotated[int, Meta(ge=30, le=86_400)] = 300
    channels: tuple[_Channel, ...] = ()
    things: tuple[_ThingEntry, ...] = ()
    tunnels: tuple[_Tunnel, ...] = ()


def read_seed(file: Path, regions: Sequence[str] = ()) -> Seed:
    """regions: instead of the file's own; the seed then holds theirs alone.

    Without any, they are those that its entries name. Blocks. Raises OSError, and FieldError.
    """
    if file.stat().st_size > MAX_BYTES:
        raise FieldError("seed file", str(file), f"must not be larger than {MAX_BYTES >> 20} MiB.")
    data = file.read_bytes()
    tree = _parsed(file, data)
    try:
        content = msgspec.convert(tree, _File, strict=True)
    except msgspec.ValidationError as error:
        raise _field_error(error, tree) from error
    _check(content)
    return _seed(content, regions)


def check_region(name: str) -> str:
    """Returns `name`, or raises FieldError."""
    if not re.match(_REGION, name):
        raise FieldError("region", name, "must look like eu-west-1.")
    return name


def _parsed(file: Path, data: bytes) -> Any:
    try:
        if file.suffix.lower() == ".json":
            tree = msgspec.json.decode(data)
        else:
            tree = msgspec.yaml.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise FieldError("seed file", str(file), f"cannot be read: {error}") from error
    return {} if tree is None else tree


_PLACE = re.compile(r"(?P<words>.*?)(?: - at `\$(?P<path>.*)`)?$", re.DOTALL)
_STEP = re.compile(r"\.([^.\[]+)|\[(\d+|\.\.\.)\]")


def _field_error(error: msgspec.ValidationError, tree: Any) -> FieldError:
    """msgspec names rule and place; the value is looked up there."""
    match = _PLACE.match(str(error))
    words = (match["words"] if match is not None else str(error)).replace("`", "")
    path = ((match["path"] if match is not None else "") or "").removeprefix(".")
    value = tree
    for name, index in _STEP.findall(f".{path}" if path and path[0] != "[" else path):
        try:
            value = value[name] if name else value[int(index)]
        except (LookupError, TypeError, ValueError):
            value = ""
            break
    field = path or "seed file"
    hidden = field == "secret_key"
    return FieldError(field, "…" if hidden else _shown(value), f"{words[:1].lower()}{words[1:]}.")


def _shown(value: Any) -> str:
    """Of a container its keys alone: a value inside may be the secret key."""
    if isinstance(value, dict):
        return ", ".join(map(str, value))
    if isinstance(value, list):
        return f"{len(value)} entries"
    return value if isinstance(value, str) else repr(value)


def _check(content: _File) -> None:
    """What no single field can tell."""
    if bool(content.access_key) is not bool(content.secret_key):
        raise FieldError(
            "access_key", content.access_key, "goes with a secret_key, or both absent."
        )
    channels = Counter((channel.region, channel.name) for channel in content.channels)
    things = Counter((thing.region, thing.name) for thing in content.things)
    for what, counted in (("channels", channels), ("things", things)):
        for (region, name), times in counted.items():
            if times > 1:
                raise FieldError(what, name, f"must not occur twice in {region}.")
    for place, tunnel in enumerate(content.tunnels):
        if len(set(tunnel.services)) < len(tunnel.services):
            services = ", ".join(tunnel.services)
            raise FieldError(f"tunnels[{place}].services", services, "must differ from each other.")
    for place, channel in enumerate(content.channels):
        if channel.live and channel.type != "SINGLE_MASTER":
            raise FieldError(f"channels[{place}].live", "true", "needs type SINGLE_MASTER.")


def _seed(content: _File, regions: Sequence[str]) -> Seed:
    entries: tuple[_Channel | _ThingEntry | _Tunnel, ...] = (
        *content.channels,
        *content.things,
        *content.tunnels,
    )
    named = tuple(dict.fromkeys(entry.region for entry in entries))
    chosen = tuple(regions) or content.regions or named or Seed().regions
    return Seed(
        account=content.account,
        regions=chosen,
        channels=tuple(
            SeedChannel(
                region=channel.region,
                name=channel.name,
                kind=channel.type,
                ttl_s=channel.message_ttl_seconds,
                age_s=channel.age_seconds,
                live=channel.live,
                tags=channel.tags,
            )
            for channel in content.channels
            if channel.region in chosen
        ),
        things=tuple(SeedThing(t.name, t.region) for t in content.things if t.region in chosen),
        tunnels=tuple(
            SeedTunnel(
                region=tunnel.region,
                thing=tunnel.thing,
                services=tunnel.services,
                description=tunnel.description,
                tags=tunnel.tags,
                lifetime_min=tunnel.lifetime_minutes,
                age_s=tunnel.age_seconds,
                closed=tunnel.closed,
            )
            for tunnel in content.tunnels
            if tunnel.region in chosen
        ),
        access_key=content.access_key,
        secret_key=Secret(content.secret_key),
        ice_ttl_s=content.ice_ttl_seconds,
    )
