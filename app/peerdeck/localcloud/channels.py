"""Signaling channels of every region, and the endpoints that were handed out for them."""

import hashlib
import secrets
from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable
from dataclasses import dataclass, field

from peerdeck.core.channel import Channel, Role

MAX_CHANNELS = 10_000  # per region
_HIGHEST = "\U0010ffff"


class ChannelMissingError(LookupError):
    """No such channel in that region."""


class ChannelExistsError(Exception):
    """The region has a channel of that name."""


class ChannelLimitReachedError(Exception):
    """The region has as many channels as an account may have."""


@dataclass(frozen=True, slots=True)
class ChannelEndpoint:
    """What an endpoint's host label stands for, as in r-1a2b3c4d.kinesisvideo.REGION…"""

    region: str
    channel_arn: str
    role: Role
    protocol: str  # "HTTPS" or "WSS"


@dataclass(slots=True)
class _Region:
    channels: dict[str, Channel] = field(default_factory=dict)  # by name
    names: list[str] = field(default_factory=list)  # sorted


class ChannelRegistry:
    """Owns every channel of the account. on_deleted(channel): its sockets must close."""

    def __init__(self, account: str, *, clock: Callable[[], float]) -> None:
        self._account = account
        self._clock = clock
        self._regions: dict[str, _Region] = {}
        self._by_arn: dict[str, tuple[str, str]] = {}
        self._endpoints: dict[str, ChannelEndpoint] = {}
        self.on_deleted: list[Callable[[Channel], None]] = []

    def create(
        self,
        region: str,
        name: str,
        *,
        kind: str = "SINGLE_MASTER",
        ttl_s: int = 60,
        status: str = "ACTIVE",
        age_s: float = 0.0,
    ) -> Channel:
        """age_s: how old it is. Raises ChannelExistsError, ChannelLimitReachedError."""
        here = self._regions.setdefault(region, _Region())
        if name in here.channels:
            raise ChannelExistsError(name)
        if len(here.channels) >= MAX_CHANNELS:
            raise ChannelLimitReachedError(region)
        created_at = round(self._clock() - age_s, 3)
        number = f"{created_at * 1000:.0f}"
        channel = Channel(
            name=name,
            arn=f"arn:aws:kinesisvideo:{region}:{self._account}:channel/{name}/{number}",
            status=status,
            kind=kind,
            ttl_s=ttl_s,
            created_at=created_at,
            version=secrets.token_hex(10).upper(),
        )
        here.channels[name] = channel
        insort(here.names, name)
        self._by_arn[channel.arn] = (region, name)
        return channel

    def delete(self, region: str, arn: str) -> None:
        """Raises ChannelMissingError."""
        channel = self.by_arn(region, arn)
        here = self._regions[region]
        del here.channels[channel.name], self._by_arn[arn]
        here.names.remove(channel.name)
        self._endpoints = {k: v for k, v in self._endpoints.items() if v.channel_arn != arn}
        for listener in tuple(self.on_deleted):
            listener(channel)

    def by_name(self, region: str, name: str) -> Channel:
        """Raises ChannelMissingError."""
        here = self._regions.get(region)
        if here is None or name not in here.channels:
            raise ChannelMissingError(name)
        return here.channels[name]

    def by_arn(self, region: str, arn: str) -> Channel:
        """Raises ChannelMissingError, also for an ARN of another region."""
        where = self._by_arn.get(arn)
        if where is None or where[0] != region:
            raise ChannelMissingError(arn)
        return self._regions[region].channels[where[1]]

    def page(
        self, region: str, *, prefix: str, after: str, limit: int
    ) -> tuple[list[Channel], bool]:
        """Up to `limit` channels by name, those past `after` only; whether more would follow."""
        here = self._regions.get(region, _Region())
        start = bisect_left(here.names, prefix)
        if after:
            start = max(start, bisect_right(here.names, after))
        end = bisect_right(here.names, prefix + _HIGHEST) if prefix else len(here.names)
        names = here.names[start : min(end, start + limit)]
        return [here.channels[name] for name in names], start + limit < end

    def endpoint_label(self, region: str, channel: Channel, role: Role, protocol: str) -> str:
        """The host label that stands for the channel's endpoint; the same whenever it is asked.

        They begin as AWS's do: "m-", "v-" for a master's and a viewer's socket, "r-" for HTTPS.
        """
        text = f"{channel.arn}|{role}|{protocol}"
        letter = "r" if protocol == "HTTPS" else role.value[0].lower()
        label = f"{letter}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"
        self._endpoints[label] = ChannelEndpoint(region, channel.arn, role, protocol)
        return label

    def endpoint(self, label: str) -> ChannelEndpoint | None:
        return self._endpoints.get(label)
