"""Two reports of one connection, from its two ends: what one sends, the other receives.

The W3C's members that both ends have are found by themselves: a member's mirror is the same word
with Sent for Received, Encoded for Decoded. What is left out is named in DIFFERENT, with why.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Objects = Mapping[str, Mapping[str, Any]]

_TURNED = (("Received", "Sent"), ("Decoded", "Encoded"))
_RTP = {"inbound-rtp": "outbound-rtp", "outbound-rtp": "inbound-rtp"}
_REPORTED = {"inbound-rtp": "remote-inbound-rtp", "remote-inbound-rtp": "inbound-rtp"}
_CANDIDATES = {"local-candidate": "remote-candidate", "remote-candidate": "local-candidate"}

# Members that both ends have and that are not the same thing, by definition.
DIFFERENT = {
    "type": "the two ends of a stream have two types",
    "transportId": "each end's own ids",
    "codecId": "each end's own ids",
    "remoteId": "each end's own ids",
    "localId": "each end's own ids",
    "localCandidateId": "each end's own ids",
    "remoteCandidateId": "each end's own ids",
    "selectedCandidatePairId": "each end's own ids",
    "localCertificateId": "each end's own certificate",
    "remoteCertificateId": "each end's own certificate",
    "iceLocalUsernameFragment": "each end's own",
    "trackIdentifier": "each end names its tracks",
    "isRemote": "the other way round by nature",
    "networkType": "Chromium's own",
    "url": "only the end that gathered it knows the server",
    "relayProtocol": "only the end that gathered it knows the way",
    "iceRole": "one controls, the other is controlled",
    "dtlsRole": "one is client, the other server",
    "iceState": "aiortc ends its checks (completed), Chromium goes on (connected)",
    "state": "of a pair; aiortc freezes what it need not check. Of a channel: compared",
    "priority": "of a pair: each end computes it with its own candidates' types",
    "nominated": "aggressive nomination marks more pairs at the controlled end",
    "lastPacketSentTimestamp": "the last one may be on its way",
    "lastPacketReceivedTimestamp": "the last one may be on its way",
    "consentRequestsSent": "each end asks at its own pace",
    "selectedCandidatePairChanges": "each end selects for itself",
    "framesPerSecond": "of the last second; the network's jitter lies between the two",
    "fractionLost": "of the last interval of each end",
    "totalRoundTripTime": "each end's own measurements; compared as means",
    "roundTripTimeMeasurements": "each end's own measurements",
    "currentRoundTripTime": "of the last exchange; compared as means",
    "nackCount": "of packets, or of feedback messages: those on their way, and lost ones, differ",
    "availableOutgoingBitrate": "an estimate of each end",
    "availableIncomingBitrate": "an estimate of each end",
    "audioLevel": "before and after coding",
    "totalAudioEnergy": "before and after coding",
    "totalSamplesDuration": "of the source, and of what was played",
    "retransmittedPacketsReceived": "Chromium probes the network with retransmissions that nobody "
    "asked for; they arrive as such, and are not counted as sent",
    "retransmittedBytesReceived": "the same",
    "qpSum": "the encoder's own, and the decoder's",
}
COUNTED_WITH_SLACK = 2  # what is on its way: small counters may differ by so much
CUT_OFF_S = 0.001  # Chromium tells times in whole milliseconds, the rest cut off
TIMES = frozenset({"jitter"})
# What a receiver tells the sender of by RTCP: its own figure is compared with what arrived of it.
_BY_REPORT = frozenset({"jitter", "packetsLost"})
_ALIKE = {
    ("data-channel", "state"),
    ("local-candidate", "priority"),
    ("remote-candidate", "priority"),
}


@dataclass(frozen=True)
class Compared:
    """ours, later: at two moments around theirs. kind: "counter", "time" or "same"."""

    where: str
    member: str
    their_member: str
    kind: str
    ours: Any
    later: Any
    theirs: Any

    def holds(self, counters: float, times: float) -> bool:
        if self.kind == "same":
            return bool(self.ours == self.theirs)
        if self.kind == "time":
            return bool(abs(self.ours - self.theirs) <= times * self.theirs + CUT_OFF_S)
        least = self.ours * (1 - counters) - COUNTED_WITH_SLACK
        most = self.later * (1 + counters) + COUNTED_WITH_SLACK
        return bool(least <= self.theirs <= most)

    def __str__(self) -> str:
        return (
            f"{self.kind:<8}{self.where}.{self.member} {self.ours}"
            f" | Chromium's {self.their_member} {self.theirs}"
        )


def compared(before: Objects, after: Objects, theirs: list[dict[str, Any]]) -> list[Compared]:
    """Everything that both ends tell of the same thing. before, after: ours, around theirs."""
    found: list[Compared] = []
    for name, mine in before.items():
        later = after.get(name)
        if later is None:
            continue
        for kind, other in _counterparts(mine, before, theirs):
            found += _members(kind, mine, later, other)
    return found


def mean_rtt_s(pair: Mapping[str, Any]) -> float:
    rtt_s: float = pair["totalRoundTripTime"] / pair["responsesReceived"]
    return rtt_s


def selected(objects: Objects) -> Mapping[str, Any]:
    """The pair in use."""
    transport = next(o for o in objects.values() if o["type"] == "transport")
    return objects[transport["selectedCandidatePairId"]]


def _counterparts(
    mine: Mapping[str, Any], ours: Objects, theirs: list[dict[str, Any]]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Chromium's objects of the same thing, and how members turn: "turned", "report" or "same"."""
    kind = mine["type"]
    if kind in _RTP or kind in _REPORTED:
        for report in theirs:
            if report.get("ssrc") == mine["ssrc"] and report["type"] == _RTP.get(kind):
                yield "turned", report
            elif report.get("ssrc") == mine["ssrc"] and report["type"] == _REPORTED.get(kind):
                yield "report", report
    elif kind == "candidate-pair":
        places = _ends(mine, ours)[::-1]
        objects = {report["id"]: report for report in theirs}
        yield from (
            ("turned", report)
            for report in theirs
            if report["type"] == kind and _ends(report, objects) == places
        )
    elif kind in _CANDIDATES:
        yield from (
            ("same", report)
            for report in theirs
            if report["type"] == _CANDIDATES[kind] and _place(report) == _place(mine)
        )
    else:
        yield from _alike(mine, theirs)


def _alike(
    mine: Mapping[str, Any], theirs: list[dict[str, Any]]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """What both ends have one of, or know by the same name."""
    kind = mine["type"]
    keys = {"codec": "payloadType", "data-channel": "label", "certificate": "fingerprint"}
    key = keys.get(kind, "type")
    for report in theirs:
        if report["type"] == kind and report.get(key) == mine.get(key):
            yield ("same" if kind in {"codec", "certificate"} else "turned"), report


def _place(candidate: Mapping[str, Any]) -> tuple[object, object]:
    return candidate.get("address"), candidate.get("port")


def _ends(pair: Mapping[str, Any], objects: Objects) -> tuple[object, object]:
    """Where it goes from and to."""
    return _place(objects[pair["localCandidateId"]]), _place(objects[pair["remoteCandidateId"]])


def _members(
    how: str, mine: Mapping[str, Any], later: Mapping[str, Any], other: Mapping[str, Any]
) -> Iterator[Compared]:
    kind = mine["type"]
    for member, value in mine.items():
        their_member = _turned(member) if how == "turned" else member
        is_reported = member in _BY_REPORT and kind.endswith("-rtp")
        if their_member not in other or is_reported != (how == "report"):
            continue
        if member in DIFFERENT and (kind, member) not in _ALIKE:
            continue
        yield Compared(
            kind + (f" {mine['kind']}" if "kind" in mine else ""),
            member,
            their_member,
            _kind(member, value),
            value,
            later.get(member, value),
            other[their_member],
        )


def _turned(member: str) -> str:
    for one, other in _TURNED:
        if one in member:
            return member.replace(one, other)
        if other in member:
            return member.replace(other, one)
    return member


_SAME = frozenset(
    {"ssrc", "rtxSsrc", "payloadType", "clockRate", "channels", "port", "priority",
     "dataChannelIdentifier", "frameWidth", "frameHeight", "relatedPort"}
)  # fmt: skip


def _kind(member: str, value: object) -> str:
    if isinstance(value, str | bool) or member in _SAME:
        return "same"
    return "time" if member in TIMES else "counter"
