"""Request rates: as many as the service allows, then ClientLimitExceeded.

Source: Kinesis Video Streams WebRTC developer guide, "Service quotas". The guide names rates, not
bursts: a quiet caller may have BURST_S seconds' worth at once here.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

BURST_S = 5.0
MAX_BUCKETS = 5000


@dataclass(frozen=True, slots=True)
class Rate:
    """Calls a second, for the account in one region and for one channel; 0 means no limit."""

    account: float = 0.0
    channel: float = 0.0


RATES: Mapping[str, Rate] = {
    "CreateSignalingChannel": Rate(50),
    "DeleteSignalingChannel": Rate(50, 5),
    "DescribeMediaStorageConfiguration": Rate(50, 5),
    "DescribeSignalingChannel": Rate(300, 5),
    "GetSignalingChannelEndpoint": Rate(300),
    "ListSignalingChannels": Rate(50),
    "ListTagsForResource": Rate(50, 5),
    "TagResource": Rate(50, 5),
    "UntagResource": Rate(50, 5),
    "UpdateMediaStorageConfiguration": Rate(10, 5),
    "UpdateSignalingChannel": Rate(50, 5),
    "GetIceServerConfig": Rate(100, 5),
    "SendAlexaOfferToMaster": Rate(100, 5),
    "ConnectAsMaster": Rate(0, 3),
    "ConnectAsViewer": Rate(0, 3),
}


class RateExceededError(Exception):
    """Too many calls; the message says of what."""


@dataclass(slots=True)
class Bucket:
    """Fills by `rate` a second up to `size`; times are seconds of any clock."""

    rate: float
    size: float
    level: float
    filled_at: float

    def take(self, now: float) -> bool:
        """A clock that was set back does not empty it."""
        grown = self.rate * max(0.0, now - self.filled_at)
        self.level = min(self.level + grown, self.size)
        self.filled_at = now
        if self.level < 1:
            return False
        self.level -= 1
        return True

    def is_full(self, now: float) -> bool:
        return self.level + self.rate * (now - self.filled_at) >= self.size


class Quotas:
    """Counts calls. enforced: False lets everything through, for loads that AWS would not take."""

    def __init__(self, clock: Callable[[], float], *, enforced: bool = True) -> None:
        self.enforced = enforced
        self._clock = clock
        self._buckets: dict[tuple[str, str, str], Bucket] = {}

    def take(self, operation: str, region: str, channel: str = "") -> None:
        """channel: its ARN or name; "" counts for the account alone. Raises RateExceededError."""
        rate = RATES.get(operation)
        if rate is None or not self.enforced:
            return
        if channel and rate.channel and not self._taken((operation, region, channel), rate.channel):
            raise RateExceededError(f"Rate exceeded for {operation} on the channel.")
        if rate.account and not self._taken((operation, region, ""), rate.account):
            raise RateExceededError(f"Rate exceeded for {operation}.")

    def _taken(self, key: tuple[str, str, str], rate: float) -> bool:
        now = self._clock()
        bucket = self._buckets.get(key)
        if bucket is None:
            self._make_room(now)
            size = rate * BURST_S
            bucket = self._buckets[key] = Bucket(rate, size, size, now)
        return bucket.take(now)

    def _make_room(self, now: float) -> None:
        """A full bucket is as good as none; beyond that the oldest go."""
        if len(self._buckets) < MAX_BUCKETS:
            return
        self._buckets = {k: b for k, b in self._buckets.items() if not b.is_full(now)}
        for key in tuple(self._buckets)[: max(0, len(self._buckets) - MAX_BUCKETS // 2)]:
            del self._buckets[key]
