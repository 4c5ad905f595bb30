"""Signaling channels of every region, and the endpoints that were handed out for them.

Creating, updating and deleting take SETTLE_S seconds of the clock, as they take a moment at AWS:
the status says so until then. Nothing runs in between: who asks first makes the change.
"""

import hashlib
import heapq
import secrets
from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from peerdeck.core.channel import Channel, Role

MAX_CHANNELS = 10_000  # per region
MAX_TAGS = 50
SETTLE_S = 1.0
_HIGHEST = "\U0010ffff"


class ChannelMissingError(LookupError):
    """No such channel in that region."""


class ChannelExistsError(Exception):
    """The region has a channel of that name."""


class ChannelBusyError(Exception):
    """The channel is being created, changed or deleted; the message names its status."""


class ChannelLimitReachedError(Exception):
    """The region has as many channels as an account may have."""


class TooManyTagsError(Exception):
    """The channel would have more than MAX_TAGS tags."""


class StreamTakenError(Exception):
    """Another channel stores its media in that stream."""


@dataclass(frozen=True, slots=True)
class ChannelEndpoint:
    """What an endpoint's host label stands for, as in r-1a2b3c4d.kinesisvideo.REGION…"""

    region: str
    channel_arn: str
    role: Role
    protocol: str  # "HTTPS", "WSS" or "WEBRTC"


@dataclass(slots=True)
class ChannelRecord:
    """A channel and what the service keeps beside it; only the registry changes one.

    stream_arn: where its media is stored, "" where it is not. settling: its status will change.
    """

    region: str
    channel: Channel
    tags: dict[str, str] = field(default_factory=dict)
    stream_arn: str = ""
    settling: bool = False


@dataclass(slots=True)
class _Region:
    records: dict[str, ChannelRecord] = field(default_factory=dict)  # by name
    names: list[str] = field(default_factory=list)  # sorted


class ChannelRegistry:
    """Owns every channel of the account.

    on_deleted(channel): its sockets must close. on_changed(region, channel): it was updated, or
    stores its media from now on, or no more.
    """

    def __init__(self, account: str, *, clock: Callable[[], float]) -> None:
        self._account = account
        self._clock = clock
        self._regions: dict[str, _Region] = {}
        self._by_arn: dict[str, ChannelRecord] = {}
        self._by_stream: dict[str, ChannelRecord] = {}
        self._endpoints: dict[str, ChannelEndpoint] = {}
        self._changes: list[tuple[float, str, str]] = []  # heap of (due, ARN, awaited status)
        self.on_deleted: list[Callable[[Channel], None]] = []
        self.on_changed: list[Callable[[str, Channel], None]] = []

    def create(
        self,
        region: str,
        name: str,
        *,
        kind: str = "SINGLE_MASTER",
        ttl_s: int = 60,
        status: str = "ACTIVE",
        age_s: float = 0.0,
        tags: Mapping[str, str] | None = None,
        settles: bool = False,
    ) -> Channel:
        """age_s: how old it is. settles: CREATING now, ACTIVE after SETTLE_S; else `status`.

        Raises ChannelExistsError, ChannelLimitReachedError, TooManyTagsError.
        """
        self._settle()
        here = self._regions.setdefault(region, _Region())
        if name in here.records:
            raise ChannelExistsError(name)
        if len(here.records) >= MAX_CHANNELS:
            raise ChannelLimitReachedError(region)
        if len(tags or {}) > MAX_TAGS:
            raise TooManyTagsError(name)
        created_at = round(self._clock() - age_s, 3)
        number = f"{created_at * 1000:.0f}"
        channel = Channel(
            name=name,
            arn=f"arn:aws:kinesisvideo:{region}:{self._account}:channel/{name}/{number}",
            status="CREATING" if settles else status,
            kind=kind,
            ttl_s=ttl_s,
            created_at=created_at,
            version=_version(),
        )
        self.put(ChannelRecord(region, channel, dict(tags or {}), settling=settles))
        return channel

    def put(self, record: ChannelRecord) -> None:
        """Adds a record as it is, for instance one from before a restart."""
        here = self._regions.setdefault(record.region, _Region())
        here.records[record.channel.name] = record
        insort(here.names, record.channel.name)
        if record.settling:
            self._later(record)
        self._by_arn[record.channel.arn] = record
        if record.stream_arn:
            self._by_stream[record.stream_arn] = record

    def records(self) -> tuple[ChannelRecord, ...]:
        """Every channel of every region."""
        self._settle()
        return tuple(self._by_arn.values())

    def update(self, region: str, arn: str, *, ttl_s: int) -> None:
        """Gives it a new version. Raises ChannelMissingError, ChannelBusyError."""
        record = self._idle(region, arn)
        record.channel = replace(record.channel, ttl_s=ttl_s, status="UPDATING", version=_version())
        self._later(record)
        self._tell(record)

    def delete(self, region: str, arn: str) -> None:
        """Its sockets and endpoints end at once, its name is free after SETTLE_S.

        Raises ChannelMissingError, ChannelBusyError.
        """
        record = self._idle(region, arn)
        record.channel = replace(record.channel, status="DELETING")
        self._by_stream.pop(record.stream_arn, None)
        self._endpoints = {k: v for k, v in self._endpoints.items() if v.channel_arn != arn}
        self._later(record)
        for listener in tuple(self.on_deleted):
            listener(record.channel)

    def by_name(self, region: str, name: str) -> Channel:
        """Raises ChannelMissingError."""
        self._settle()
        here = self._regions.get(region)
        if here is None or name not in here.records:
            raise ChannelMissingError(name)
        return here.records[name].channel

    def by_arn(self, region: str, arn: str) -> Channel:
        """Raises ChannelMissingError, also for an ARN of another region."""
        return self._record(region, arn).channel

    def page(
        self, region: str, *, prefix: str, after: str, limit: int
    ) -> tuple[list[Channel], bool]:
        """Up to `limit` channels by name, those past `after` only; whether more would follow."""
        self._settle()
        here = self._regions.get(region, _Region())
        start = bisect_left(here.names, prefix)
        if after:
            start = max(start, bisect_right(here.names, after))
        end = bisect_right(here.names, prefix + _HIGHEST) if prefix else len(here.names)
        names = here.names[start : min(end, start + limit)]
        return [here.records[name].channel for name in names], start + limit < end

    def tags(self, region: str, arn: str) -> Mapping[str, str]:
        """Raises ChannelMissingError."""
        return self._record(region, arn).tags

    def tag(self, region: str, arn: str, tags: Mapping[str, str]) -> None:
        """Adds or replaces. Raises ChannelMissingError, TooManyTagsError."""
        record = self._record(region, arn)
        if len(record.tags.keys() | tags.keys()) > MAX_TAGS:
            raise TooManyTagsError(arn)
        record.tags.update(tags)

    def untag(self, region: str, arn: str, keys: Iterable[str]) -> None:
        """Unknown keys are fine. Raises ChannelMissingError."""
        record = self._record(region, arn)
        for key in keys:
            record.tags.pop(key, None)

    def stream_of(self, region: str, arn: str) -> str:
        """Where its media is stored, or "". Raises ChannelMissingError."""
        return self._record(region, arn).stream_arn

    def store_in(self, region: str, arn: str, stream_arn: str) -> None:
        """stream_arn: "" stores no more.

        Raises ChannelMissingError, ChannelBusyError, StreamTakenError.
        """
        record = self._idle(region, arn)
        if stream_arn and self._by_stream.get(stream_arn, record) is not record:
            raise StreamTakenError(stream_arn)
        self._by_stream.pop(record.stream_arn, None)
        record.stream_arn = stream_arn
        if stream_arn:
            self._by_stream[stream_arn] = record
        self._tell(record)

    def endpoint_label(self, region: str, channel: Channel, role: Role, protocol: str) -> str:
        """The host label that stands for the channel's endpoint; the same whenever it is asked.

        They begin as AWS's do: "m-", "v-" for a master's and a viewer's socket, "r-" for HTTPS,
        "w-" for WEBRTC.
        """
        text = f"{channel.arn}|{role}|{protocol}"
        letter = {"HTTPS": "r", "WEBRTC": "w"}.get(protocol, role.value[0].lower())
        label = f"{letter}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"
        self._endpoints[label] = ChannelEndpoint(region, channel.arn, role, protocol)
        return label

    def endpoint(self, label: str) -> ChannelEndpoint | None:
        return self._endpoints.get(label)

    def _record(self, region: str, arn: str) -> ChannelRecord:
        self._settle()
        record = self._by_arn.get(arn)
        if record is None or record.region != region:
            raise ChannelMissingError(arn)
        return record

    def _idle(self, region: str, arn: str) -> ChannelRecord:
        """ "Resources cannot be updated or deleted unless they are in an ACTIVE state." """
        record = self._record(region, arn)
        if record.channel.status != "ACTIVE":
            raise ChannelBusyError(f"The channel is in the {record.channel.status} state.")
        return record

    def _tell(self, record: ChannelRecord) -> None:
        for listener in tuple(self.on_changed):
            listener(record.region, record.channel)

    def _later(self, record: ChannelRecord) -> None:
        record.settling = True
        due = self._clock() + SETTLE_S
        heapq.heappush(self._changes, (due, record.channel.arn, record.channel.status))

    def _settle(self) -> None:
        now = self._clock()
        while self._changes and self._changes[0][0] <= now:
            _, arn, status = heapq.heappop(self._changes)
            record = self._by_arn.get(arn)
            if record is None or record.channel.status != status:
                continue
            record.settling = False
            if status == "DELETING":
                self._remove(record)
            else:
                record.channel = replace(record.channel, status="ACTIVE")

    def _remove(self, record: ChannelRecord) -> None:
        here = self._regions[record.region]
        del here.records[record.channel.name], self._by_arn[record.channel.arn]
        here.names.remove(record.channel.name)


def _version() -> str:
    return secrets.token_hex(10).upper()
