"""A statistics report in the W3C's own names and units (webrtc-stats), as a browser gives it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

Value = bool | int | float | str
Member = tuple[str, str]  # id of a stats object, name of its member

# The member that has the W3C's `type`: "inbound-rtp", "candidate-pair" …
TYPE = "type"


@dataclass(frozen=True, slots=True)
class StatsReport:
    """What `RTCPeerConnection.getStats()` would answer: stats objects by their id.

    at_s: POSIX seconds. Every object holds at least "type"; "id" and "timestamp" are left out,
    since the key and at_s say them. What is not known is absent, never 0.
    """

    at_s: float
    objects: Mapping[str, Mapping[str, Value]] = field(default_factory=dict)

    def of(self, kind: str, /, **members: Value) -> Iterator[tuple[str, Mapping[str, Value]]]:
        """(id, members) of every object of a type whose named members have these values."""
        for name, found in self.objects.items():
            if found.get(TYPE) == kind and all(found.get(k) == v for k, v in members.items()):
                yield name, found
