"""The figures that cards show, out of two statistics reports.

Reads nothing but the W3C's members, so it takes a browser's reports as well as ours.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from peerdeck.core.rtc_stats import StatsReport, Value
from peerdeck.core.stats import CandidatePair, PeerStats

_Members = Mapping[str, Value]
_Streams = list[tuple[str, _Members]]


def glance(before: StatsReport | None, now: StatsReport) -> PeerStats:
    """before: an earlier report of the same peer; without one there are no rates."""
    compared = _Compared(before, now)
    return PeerStats(
        at_s=now.at_s,
        **_path(compared),
        **_received(compared),
        **_picture(compared),
        **_sent(compared),
        **_reported(compared),
    )


class _Compared:
    """Two reports. interval_s: between them, 0 where there is only one."""

    def __init__(self, before: StatsReport | None, now: StatsReport) -> None:
        self.now = now
        self._before = before.objects if before is not None else {}
        self.interval_s = max(0.0, now.at_s - before.at_s) if before is not None else 0.0

    def of(self, kind: str, media: str = "") -> _Streams:
        return list(self.now.of(kind, **({"kind": media} if media else {})))

    def grown(self, streams: Iterable[tuple[str, _Members]], *members: str) -> float | None:
        """By how much counters grew together; None where none of them is known, or no interval.

        A stream that was not there before began within the interval.
        """
        if not self.interval_s:
            return None
        known = [
            number(found, member) - number(self._before.get(name, {}), member)
            for name, found in streams
            for member in members
            if member in found
        ]
        return sum(known) if known else None

    def per_s(self, streams: Iterable[tuple[str, _Members]], *members: str) -> float | None:
        """A counter that began anew has no rate."""
        grown = self.grown(streams, *members)
        return None if grown is None or grown < 0 else grown / self.interval_s

    def mean(self, streams: _Streams, total: str, count: str) -> float | None:
        """Of what a total and its count grew by, thousandfold: seconds become milliseconds."""
        grown, times = self.grown(streams, total), self.grown(streams, count)
        return None if grown is None or not times or times < 0 else 1000 * grown / times

    def busiest(self, streams: _Streams, counter: str) -> _Streams:
        """The one stream that grew most, in a list; an old one may have been left behind."""
        if not streams:
            return []

        def growth(stream: tuple[str, _Members]) -> tuple[float, float]:
            return self.grown([stream], counter) or 0.0, number(stream[1], counter)

        return [max(streams, key=growth)]


def number(members: _Members, member: str) -> float:
    """0 for what is absent or no number."""
    value = members.get(member, 0)
    return 0 if isinstance(value, str) else value


def _path(compared: _Compared) -> dict[str, Any]:
    now = compared.now
    transports = compared.of("transport")
    selected = _selected_pair(now, transports)
    # Firefox has no transport; the pair's own counters leave out what others carried before.
    carriers = transports if any("bytesReceived" in t for _, t in transports) else selected
    if not carriers:
        carriers = compared.of("inbound-rtp") + compared.of("outbound-rtp")
    into, out = ("bytesReceived",), ("bytesSent",)
    in_bps, out_bps = compared.per_s(carriers, *into), compared.per_s(carriers, *out)
    channels = compared.of("data-channel")
    first = transports[0][1] if transports else {}
    return {
        "bitrate_in_bps": None if in_bps is None else 8 * in_bps,
        "bitrate_out_bps": None if out_bps is None else 8 * out_bps,
        "bytes_received": _total(carriers, *into),
        "bytes_sent": _total(carriers, *out),
        "rtt_ms": _rtt_ms(compared, selected),
        "pair": _pair(now, selected[0][1]) if selected else None,
        "pair_changes": int(number(first, "selectedCandidatePairChanges")),
        "state": str(first.get("iceState", "")),
        "messages_received": _total(channels, "messagesReceived"),
        "messages_sent": _total(channels, "messagesSent"),
    }


def _selected_pair(now: StatsReport, transports: _Streams) -> _Streams:
    for _, transport in transports:
        name = transport.get("selectedCandidatePairId")
        if isinstance(name, str) and name in now.objects:
            return [(name, now.objects[name])]
    # Firefox marks it itself.
    return [(n, p) for n, p in now.of("candidate-pair") if p.get("selected") is True][:1]


def _rtt_ms(compared: _Compared, selected: _Streams) -> float | None:
    for _, found in selected + compared.of("remote-inbound-rtp"):
        for member in ("currentRoundTripTime", "roundTripTime"):
            if member in found:
                return 1000 * number(found, member)
    return None


def _pair(now: StatsReport, pair: _Members) -> CandidatePair:
    local = now.objects.get(str(pair.get("localCandidateId")), {})
    remote = now.objects.get(str(pair.get("remoteCandidateId")), {})
    return CandidatePair(
        local_kind=str(local.get("candidateType", "")),
        local_address=_address(local),
        remote_kind=str(remote.get("candidateType", "")),
        remote_address=_address(remote),
        protocol=str(local.get("relayProtocol") or local.get("protocol", "udp")),
    )


def _address(candidate: _Members) -> str:
    host, port = str(candidate.get("address", "")), int(number(candidate, "port"))
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _received(compared: _Compared) -> dict[str, Any]:
    streams = compared.of("inbound-rtp")
    video, audio = compared.of("inbound-rtp", "video"), compared.of("inbound-rtp", "audio")
    shown = compared.busiest(video, "packetsReceived") or compared.busiest(audio, "packetsReceived")
    sent = compared.of("outbound-rtp")
    jitter = next((s["jitter"] for _, s in shown if "jitter" in s), None)
    return {
        "packets_received": _total(streams, "packetsReceived"),
        "packets_lost": _total(streams, "packetsLost"),
        "packets_per_s": compared.per_s(streams, "packetsReceived"),
        "loss_percent": _loss_percent(compared, streams),
        "jitter_ms": None if jitter is None else 1000 * float(jitter),
        "codec": _codec(compared.now, shown) or _codec(compared.now, _main(compared, sent)),
    }


def _loss_percent(compared: _Compared, streams: _Streams) -> float | None:
    """Of those expected. Late packets make the loss of an interval negative: 0 then."""
    lost = compared.grown(streams, "packetsLost")
    received = compared.grown(streams, "packetsReceived")
    if lost is None or received is None:
        return None
    # Retransmissions of their own SSRC count as received, but were never expected.
    with_rtx = [stream for stream in streams if "rtxSsrc" in stream[1]]
    received -= compared.grown(with_rtx, "retransmittedPacketsReceived") or 0
    expected = lost + received
    return min(100.0, max(0.0, 100 * lost / expected)) if expected > 0 else None


def _picture(compared: _Compared) -> dict[str, Any]:
    video = compared.busiest(compared.of("inbound-rtp", "video"), "packetsReceived")
    members = video[0][1] if video else {}
    fps = compared.per_s(video, "framesDecoded")
    return {
        "fps": fps if "framesDecoded" in members else _known(members, "framesPerSecond"),
        "frames_decoded": _total(video, "framesDecoded"),
        "width": int(number(members, "frameWidth")),
        "height": int(number(members, "frameHeight")),
        "frames_received": _total(video, "framesReceived"),
        "frames_dropped": _total(video, "framesDropped"),
        "key_frames": _total(video, "keyFramesDecoded"),
        "nacks_per_s": compared.per_s(video, "nackCount"),
        "plis_per_s": compared.per_s(video, "pliCount", "firCount"),
        "jitter_buffer_ms": compared.mean(video, "jitterBufferDelay", "jitterBufferEmittedCount"),
        "decode_ms": compared.mean(video, "totalDecodeTime", "framesDecoded"),
        "freezes": _known(members, "freezeCount", int),
        "freeze_s": _known(members, "totalFreezesDuration"),
    }


def _sent(compared: _Compared) -> dict[str, Any]:
    streams = compared.of("outbound-rtp")
    main = _main(compared, streams)
    video = [stream for stream in main if stream[1].get("kind") == "video"]
    members = video[0][1] if video else {}
    return {
        "out_fps": compared.per_s(video, "framesSent"),
        "out_frames": _total(video, "framesEncoded"),
        "out_width": int(number(members, "frameWidth")),
        "out_height": int(number(members, "frameHeight")),
        "out_codec": _codec(compared.now, main),
        "out_encode_ms": compared.mean(video, "totalEncodeTime", "framesEncoded"),
        "out_target_bps": _known(members, "targetBitrate"),
        "out_packets": _total(streams, "packetsSent"),
        "out_retransmitted": _total(streams, "retransmittedPacketsSent"),
        "out_nacks_per_s": compared.per_s(video, "nackCount"),
        "out_plis_per_s": compared.per_s(video, "pliCount", "firCount"),
    }


def _reported(compared: _Compared) -> dict[str, Any]:
    """What the other end says of the video that it gets, else of the audio."""
    for media in ("video", "audio"):
        for _, found in compared.of("remote-inbound-rtp", media):
            jitter, rtt = _known(found, "jitter"), _known(found, "roundTripTime")
            lost = _known(found, "fractionLost")
            return {
                "out_loss_percent": None if lost is None else 100 * lost,
                "out_jitter_ms": None if jitter is None else 1000 * jitter,
                "out_rtt_ms": None if rtt is None else 1000 * rtt,
            }
    return {}


def _main(compared: _Compared, streams: _Streams) -> _Streams:
    """The busiest video of what is sent, else the busiest audio."""
    for media in ("video", "audio"):
        of_kind = [stream for stream in streams if stream[1].get("kind") == media]
        if of_kind:
            return compared.busiest(of_kind, "packetsSent")
    return []


def _codec(now: StatsReport, streams: _Streams) -> str:
    """ "VP8" of "video/VP8"."""
    for _, stream in streams:
        codec = now.objects.get(str(stream.get("codecId")), {})
        return str(codec.get("mimeType", "")).rpartition("/")[2]
    return ""


def _total(streams: Iterable[tuple[str, _Members]], *members: str) -> int:
    return int(sum(number(found, member) for _, found in streams for member in members))


def _known(
    members: _Members, member: str, convert: Callable[[float], Any] = float
) -> Any:  # convert's result, or None
    return convert(number(members, member)) if member in members else None
