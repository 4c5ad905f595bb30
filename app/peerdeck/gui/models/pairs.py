"""Candidates of both ends and the pairs between them, from one statistics report."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from peerdeck.core.quantities import bytes_text, milliseconds_text
from peerdeck.core.rtc_stats import StatsReport, Value
from peerdeck.core.stats import CandidatePair
from peerdeck.gui.models.stats_objects import endpoint

Members = Mapping[str, Value]
KIND_WORDS: Final = {
    "host": "an address of the machine itself",
    "srflx": "the address a NAT gives it, as a STUN server saw it",
    "prflx": "an address that the other side saw while checking",
    "relay": "an address on a TURN server, which forwards everything",
}
# Of a pair: icon, theme token, what it means (RFC 8445 6.1.2.6). "" is a place without a pair.
STATES: Final = {
    "selected": ("check", "accent", "Media travels on this pair."),
    "succeeded": ("ok", "ok", "A check was answered: this pair works."),
    "in-progress": ("half", "info", "A check was sent; its answer is awaited."),
    "waiting": ("clock", "muted", "Its check is about to be sent."),
    "frozen": ("ring", "muted", "It waits for a pair of the same foundation."),
    "failed": ("error", "bad", "Its checks were not answered, or were refused."),
    "": ("", "faint", "These two were never paired."),
}


@dataclass(frozen=True, slots=True)
class End:
    """A candidate. kind: in the W3C's words; protocol: for a relayed one that of its server."""

    id: str
    kind: str = ""
    address: str = ""
    protocol: str = ""
    priority: float = 0.0
    members: Members = field(default_factory=dict)

    @property
    def title(self) -> str:
        return f"{self.kind or '?'} · {self.protocol or '?'}"

    @property
    def family(self) -> str:
        """ "" for a name, which an mDNS candidate has instead of an address."""
        host = str(self.members.get("address", self.members.get("ip", "")))
        if ":" in host:
            return "IPv6"
        return "IPv4" if host.replace(".", "").isdigit() else ""


@dataclass(frozen=True, slots=True)
class Pair:
    """state: in the W3C's words, "selected" for the one in use. answered: of the checks sent.
    rtt_ms: of the last check; None where none was answered."""

    id: str
    local: str
    remote: str
    state: str
    rtt_ms: float | None = None
    sent: int = 0
    answered: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    members: Members = field(default_factory=dict)

    @property
    def rtt_text(self) -> str:
        return "–" if self.rtt_ms is None else milliseconds_text(self.rtt_ms)

    @property
    def checks_text(self) -> str:
        return f"{self.answered}/{self.sent}"

    @property
    def carried_text(self) -> str:
        """What came in, else what went out; "" where nothing did."""
        if self.bytes_in:
            return f"↓ {bytes_text(self.bytes_in)}"
        return f"↑ {bytes_text(self.bytes_out)}" if self.bytes_out else ""

    @property
    def bytes_text(self) -> str:
        return f"↓ {bytes_text(self.bytes_in)} ↑ {bytes_text(self.bytes_out)}"


@dataclass(frozen=True, slots=True)
class PairGrid:
    """Both ends by priority, and the pairs by (local id, remote id)."""

    locals: tuple[End, ...] = ()
    remotes: tuple[End, ...] = ()
    pairs: Mapping[tuple[str, str], Pair] = field(default_factory=dict)

    @property
    def selected(self) -> Pair | None:
        return next((pair for pair in self.pairs.values() if pair.state == "selected"), None)

    def local(self, name: str) -> End:
        return next((end for end in self.locals if end.id == name), End(name))

    def remote(self, name: str) -> End:
        return next((end for end in self.remotes if end.id == name), End(name))

    def path(self) -> CandidatePair | None:
        """The selected pair as the cards tell it."""
        pair = self.selected
        if pair is None:
            return None
        local, remote = self.local(pair.local), self.remote(pair.remote)
        return CandidatePair(
            local.kind, local.address, remote.kind, remote.address, local.protocol or "udp"
        )

    def why_unpaired(self, local: End, remote: End) -> str:
        """Why a place is empty, as far as the candidates themselves say."""
        families = {local.family, remote.family} - {""}
        if len(families) > 1:
            return f"never paired: {local.family} with {remote.family}"
        direct = "relay" not in {local.kind, remote.kind}
        protocols = {local.protocol, remote.protocol} - {""}
        if direct and len(protocols) > 1:
            return f"never paired: {local.protocol} with {remote.protocol}"
        return "never paired: filtered, pruned as redundant, or not reached yet"


def pair_grid(report: StatsReport) -> PairGrid:
    chosen = _selected_ids(report)
    pairs: dict[tuple[str, str], Pair] = {}
    for name, members in report.of("candidate-pair"):
        pair = _pair(name, members, is_selected=name in chosen)
        before = pairs.get((pair.local, pair.remote))
        if before is None or before.state != "selected":  # after a rebuild two may look alike
            pairs[pair.local, pair.remote] = pair
    return PairGrid(
        _ends(report, "local-candidate", [local for local, _ in pairs]),
        _ends(report, "remote-candidate", [remote for _, remote in pairs]),
        pairs,
    )


def _selected_ids(report: StatsReport) -> set[str]:
    told = {str(t.get("selectedCandidatePairId", "")) for _, t in report.of("transport")} - {""}
    if told:
        return told
    marked = {name for name, pair in report.of("candidate-pair") if pair.get("selected") is True}
    return marked or {
        name
        for name, pair in report.of("candidate-pair", state="succeeded")
        if pair.get("nominated") is True
    }


def _ends(report: StatsReport, kind: str, named: list[str]) -> tuple[End, ...]:
    """named: ends of pairs that the report may say nothing else of."""
    ends = {name: _end(name, members) for name, members in report.of(kind)}
    for name in named:
        ends.setdefault(name, End(name))
    return tuple(sorted(ends.values(), key=lambda end: (-end.priority, end.address, end.id)))


def _end(name: str, members: Members) -> End:
    port = members.get("port")
    host = str(members.get("address", members.get("ip", "")))
    protocol = members.get("relayProtocol") or members.get("protocol", "")
    priority = members.get("priority", 0)
    return End(
        name,
        str(members.get("candidateType", "")),
        endpoint(host, int(port) if isinstance(port, int | float) else None),
        str(protocol),
        float(priority) if isinstance(priority, int | float) else 0.0,
        members,
    )


def _pair(name: str, members: Members, *, is_selected: bool) -> Pair:
    def count(member: str) -> int:
        value = members.get(member, 0)
        return 0 if isinstance(value, str) else int(value)

    rtt = members.get("currentRoundTripTime")
    return Pair(
        name,
        str(members.get("localCandidateId", "")),
        str(members.get("remoteCandidateId", "")),
        "selected" if is_selected else str(members.get("state", "")),
        1000 * float(rtt) if isinstance(rtt, int | float) else None,
        count("requestsSent"),  # those for consent are among them
        count("responsesReceived"),
        count("bytesReceived"),
        count("bytesSent"),
        members,
    )
