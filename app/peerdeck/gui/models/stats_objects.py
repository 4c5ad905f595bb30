"""The stats objects of a session with names that people can tell apart."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from peerdeck.core.rtc_stats import TYPE, Member
from peerdeck.core.stats_table import StatsTable

# Types in the order in which they are looked for, and what a group of them is called.
GROUPS: Final[Mapping[str, str]] = {
    "inbound-rtp": "Received streams",
    "outbound-rtp": "Sent streams",
    "remote-inbound-rtp": "Sent streams, as the peer reports them",
    "remote-outbound-rtp": "Received streams, as the peer reports them",
    "transport": "Transport",
    "candidate-pair": "Candidate pairs",
    "data-channel": "Data channels",
    "media-source": "Media sources",
    "media-playout": "Media playout",
    "local-candidate": "Local candidates",
    "remote-candidate": "Remote candidates",
    "codec": "Codecs",
    "peer-connection": "Peer connection",
    "certificate": "Certificates",
}
_STREAMS: Final = {
    "inbound-rtp": "Inbound",
    "outbound-rtp": "Outbound",
    "remote-inbound-rtp": "Remote inbound",
    "remote-outbound-rtp": "Remote outbound",
}
_KINDS: Final = {"srflx": "reflexive", "prflx": "peer reflexive", "relay": "relayed"}


@dataclass(frozen=True, slots=True)
class StatsObject:
    """id and type as in webrtc-stats; name: "Inbound video · VP8 · ssrc 1234"."""

    id: str
    type: str
    name: str
    members: tuple[str, ...] = ()  # the numeric ones


class Facts:
    """What a table last said of each object: its texts and the numbers that never change."""

    def __init__(self, table: StatsTable) -> None:
        self._table = table
        self._texts: dict[Member, str] = {}
        for key, changes in table.texts().items():
            text = next((said for _, said in reversed(changes) if said is not None), "")
            self._texts[key] = text

    def text(self, name: str, member: str) -> str:
        return self._texts.get((name, member), "")

    def number(self, name: str, member: str) -> int | None:
        """The last one that is known, among the newest few rows and the first."""
        column = self._table.column((name, member))
        rows = len(column)
        for row in (*range(rows - 1, max(-1, rows - 4), -1), *([0] if rows else [])):
            if column[row] == column[row]:  # NaN is unequal to itself
                return int(column[row])
        return None

    def types(self) -> dict[str, str]:
        """Type of every object that ever was, by its id."""
        return {name: text for (name, member), text in self._texts.items() if member == TYPE}


def stats_objects(table: StatsTable) -> list[StatsObject]:
    """Every object with numeric members, by type and name; two of one name get their ids."""
    facts = Facts(table)
    types = facts.types()
    members: dict[str, list[str]] = {}
    for name, member in table.members():
        members.setdefault(name, []).append(member)
    found = [
        StatsObject(name, types[name], object_name(facts, name, types[name]), tuple(sorted(these)))
        for name, these in members.items()
        if name in types
    ]
    counts: dict[str, int] = {}
    for one in found:
        counts[one.name] = counts.get(one.name, 0) + 1
    order = {kind: place for place, kind in enumerate(GROUPS)}
    named = [
        one
        if counts[one.name] == 1
        else StatsObject(one.id, one.type, f"{one.name} · {one.id}", one.members)
        for one in found
    ]
    return sorted(named, key=lambda one: (order.get(one.type, len(order)), one.type, one.name))


def object_name(facts: Facts, name: str, kind: str) -> str:
    """Readable and, for most objects, unique."""
    if kind in _STREAMS:
        return _stream(facts, name, kind)
    match kind:
        case "candidate-pair":
            ends = (facts.text(name, "localCandidateId"), facts.text(name, "remoteCandidateId"))
            return " → ".join(_candidate(facts, end) or "?" for end in ends)
        case "local-candidate" | "remote-candidate":
            side = "Local" if kind.startswith("local") else "Remote"
            return f"{side} {_candidate(facts, name) or name}"
        case "codec":
            number = facts.number(name, "payloadType")
            return " · ".join(filter(None, (_codec(facts, name), f"payload type {number}")))
        case "data-channel":
            return f"Data channel {facts.text(name, 'label') or name}"
        case "media-source":
            return f"{facts.text(name, 'kind').capitalize() or 'Media'} source"
        case "transport" | "peer-connection" | "media-playout":
            return GROUPS[kind]
    return f"{kind} {name}"


def _stream(facts: Facts, name: str, kind: str) -> str:
    ssrc = facts.number(name, "ssrc")
    parts = (
        f"{_STREAMS[kind]} {facts.text(name, 'kind')}".strip(),
        _codec(facts, facts.text(name, "codecId")),
        facts.text(name, "rid"),
        "" if ssrc is None else f"ssrc {ssrc}",
    )
    return " · ".join(filter(None, parts))


def _codec(facts: Facts, name: str) -> str:
    return facts.text(name, "mimeType").partition("/")[2]


def _candidate(facts: Facts, name: str) -> str:
    """ "host 192.0.2.2:5004", "relayed [fd00::2]:5004"; "" for one that is not known."""
    kind = facts.text(name, "candidateType")
    address = facts.text(name, "address") or facts.text(name, "ip")
    if not kind and not address:
        return ""
    port = facts.number(name, "port")
    return f"{_KINDS.get(kind, kind)} {endpoint(address, port)}".strip()


def endpoint(address: str, port: int | None) -> str:
    """ "192.0.2.2:5004", "[fd00::2]:5004", or the address alone where no port is known."""
    shown = f"[{address}]" if ":" in address and port is not None else address
    return shown if port is None else f"{shown}:{port}"
