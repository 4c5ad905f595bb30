"""Logs of sessions to look at: what Chromium wrote, and made ones of any length and size."""

import gzip
import json
import math
from datetime import datetime
from pathlib import Path
from typing import Any

from peerdeck.core.peer_log import (
    DataMessage,
    Description,
    Direction,
    Event,
    PeerLog,
    SessionLog,
    SignalingEntry,
)
from peerdeck.core.rtc_stats import StatsReport
from peerdeck.core.session import STEPS, Step
from peerdeck.core.stats_table import StatsTable

# Written by chrome://webrtc-internals of Chromium 156 for two peer connections in one page.
DUMP = Path(__file__).parents[1] / "data" / "chromium-156-webrtc-internals.json.gz"
START = 1_700_000_000.0


def chromium_log() -> SessionLog:
    """The first peer connection of the dump: it offers, sends audio and video, has a channel."""
    with gzip.open(DUMP) as file:
        dump = json.load(file)
    name, connection = next(iter(dump["PeerConnections"].items()))
    log = SessionLog("Chromium 156", facts={"Page": connection["url"]})
    peer = log.peer(name)
    for report in _reports(connection["stats"]):
        peer.table.append(report)
    for entry in connection["updateLog"]:
        _add_update(peer, entry["type"], entry["value"], entry["timestamp"] / 1000)
    log.started_at = connection["updateLog"][0]["timestamp"] / 1000
    return log


def _reports(stats: dict[str, Any]) -> list[StatsReport]:
    rows: dict[float, dict[str, dict[str, Any]]] = {}
    for key, series in stats.items():
        name, _, member = key.rpartition("-")
        if member == "timestamp" or member.startswith("["):
            continue
        values = json.loads(series["values"])
        end = datetime.fromisoformat(series["endTime"]).timestamp()
        for place, value in enumerate(reversed(values)):
            objects = rows.setdefault(round(end) - place, {})
            if isinstance(value, bool | int | float | str):
                objects.setdefault(name, {"type": series["statsType"]})[member] = value
    return [StatsReport(float(at), rows[at]) for at in sorted(rows)]


def _add_update(peer: PeerLog, kind: str, value: str, at_s: float) -> None:
    peer.events.append(Event(at_s, "peer", kind, value.strip('"')[:120]))
    if kind in {"setLocalDescription", "setRemoteDescription"}:
        said = json.loads(value)
        side = "local" if "Local" in kind else "remote"
        peer.descriptions.append(Description(at_s, side, said["type"], said["sdp"]))


def made_log(
    seconds: int = 300,
    *,
    pairs: tuple[int, int] = (3, 3),
    title: str = "front-door",
    start: float = START,
    slow_step: bool = False,
) -> SessionLog:
    """A viewer that was relayed for a while, with a loss of signaling and a rebuild."""
    log = SessionLog(title, start, {"Channel": title, "Role": "viewer", "Client ID": "console-1"})
    peer = log.peer("master")
    peer.table = StatsTable(0)
    for second in range(seconds):
        peer.table.append(report(start + second, second, pairs))
    log.steps = made_steps(5200 if slow_step else 20)
    peer.events.extend(made_events(start, seconds))
    log.signaling.extend(made_signaling(start))
    peer.descriptions.extend(made_descriptions(start))
    message = b'{"temperature": 21.5}'
    peer.messages.append(DataMessage(start + 2, Direction.RECEIVED, "kvs", message, len(message)))
    return log


def report(at_s: float, second: int, pairs: tuple[int, int] = (3, 3)) -> StatsReport:
    """One second of a 720p30 picture in VP8, with a burst of loss every minute."""
    lossy = second % 60 in {30, 31}
    objects: dict[str, dict[str, Any]] = {
        "IT1V": {
            "type": "inbound-rtp",
            "kind": "video",
            "ssrc": 1234567,
            "codecId": "C96",
            "transportId": "T1",
            "bytesReceived": 150_000 * second,
            "headerBytesReceived": 2_000 * second,
            "packetsReceived": 140 * second,
            "packetsLost": 12 * (second // 30),
            "jitter": 0.004 + 0.002 * math.sin(second / 7) + 0.02 * lossy,
            "framesDecoded": 30 * second - 12 * ((second + 30) // 60) * 2,
            "framesPerSecond": 30 - 12 * lossy,
            "frameWidth": 1280,
            "frameHeight": 720,
            "nackCount": second // 30,
            "freezeCount": second // 60,
        },
        "IT1A": {
            "type": "inbound-rtp",
            "kind": "audio",
            "ssrc": 7654321,
            "codecId": "C111",
            "bytesReceived": 4_000 * second,
            "packetsReceived": 50 * second,
            "packetsLost": 0,
            "jitter": 0.002,
        },
        "C96": {"type": "codec", "mimeType": "video/VP8", "payloadType": 96, "clockRate": 90000},
        "C111": {"type": "codec", "mimeType": "audio/opus", "payloadType": 111},
        "D1": {"type": "data-channel", "label": "kvsDataChannel", "messagesReceived": second},
        "T1": {
            "type": "transport",
            "bytesReceived": 156_000 * second,
            "bytesSent": 3_000 * second,
            "dtlsState": "connected",
            "selectedCandidatePairId": "CP0-0",
            "selectedCandidatePairChanges": 1,
        },
    }
    objects |= candidate_objects(second, *pairs)
    return StatsReport(at_s, objects)


def candidate_objects(second: int, local: int, remote: int) -> dict[str, dict[str, Any]]:
    """local × remote pairs; the last local candidate was filtered: it has no pair."""
    kinds = ("host", "srflx", "relay", "host")
    found: dict[str, dict[str, Any]] = {}
    for side, count in (("local", local), ("remote", remote)):
        for number in range(count):
            v6 = number % 4 == 3
            found[f"{side[0].upper()}{number}"] = {
                "type": f"{side}-candidate",
                "candidateType": kinds[number % 4],
                "address": f"2001:db8::{number + 1:x}" if v6 else f"192.0.2.{number + 1}",
                "port": 50_000 + number,
                "protocol": "udp",
                "priority": 2_122_260_223 - number,
            }
    states = ("succeeded", "succeeded", "failed", "in-progress", "waiting", "frozen")
    for one in range(max(1, local - 1)):
        for other in range(remote):
            chosen = (one, other) == (0, 0)
            state = "succeeded" if chosen else states[(one + 2 * other) % len(states)]
            found[f"CP{one}-{other}"] = {
                "type": "candidate-pair",
                "localCandidateId": f"L{one}",
                "remoteCandidateId": f"R{other}",
                "transportId": "T1",
                "state": state,
                "nominated": chosen,
                "requestsSent": 3 + second // 5,
                "responsesReceived": (3 + second // 5) * (state == "succeeded"),
                "requestsReceived": second // 5,
                "responsesSent": second // 5,
                "bytesReceived": 156_000 * second * chosen,
                "bytesSent": 3_000 * second * chosen,
            }
            if state == "succeeded":
                found[f"CP{one}-{other}"]["currentRoundTripTime"] = (
                    0.040 + 0.01 * other + 0.004 * math.sin(second / 5)
                )
    return found


def made_steps(answer_ms: float = 20) -> tuple[Step, ...]:
    took = (35, 48, 30, 12, answer_ms, 3, 34, 22, 4, 60)
    at, steps = 0.0, []
    for name, ms in zip(STEPS, took, strict=True):
        at += ms
        steps.append(Step(name, at, "host/udp" if name == "ICE connected" else ""))
    return tuple(steps)


def made_events(start: float, seconds: int) -> list[Event]:
    events = [
        Event(start + 0.03, "session", "joining", "front-door"),
        Event(start + 0.11, "signaling", "open", "wss://v-1.kinesisvideo.example"),
        Event(start + 0.12, "sdp", "setLocalDescription", "offer"),
        Event(start + 0.13, "candidate", "icecandidate", "host udp 192.0.2.1:50000"),
        Event(start + 0.15, "sdp", "setRemoteDescription", "answer"),
        Event(start + 0.18, "peer", "iceconnectionstatechange", "checking"),
        Event(start + 0.21, "peer", "iceconnectionstatechange", "connected", "ok"),
        Event(start + 0.23, "peer", "connectionstatechange", "connected", "ok"),
        Event(start + 0.26, "data", "open", "kvsDataChannel"),
        Event(start + 0.31, "media", "firstframe", "1280×720 VP8", "ok"),
        Event(start + 40, "ice-server", "refreshed", "2 servers, 300 s"),
        Event(start + 100, "session", "path lost", "nothing for 3.0 s on host/udp", "bad"),
        Event(start + 100.1, "session", "rebuild", "first since the join", "warn"),
        Event(start + 101.2, "peer", "connectionstatechange", "connected", "ok"),
    ]
    return [event for event in events if event.at_s <= start + seconds]


def made_signaling(start: float) -> list[SignalingEntry]:
    sent, received = Direction.SENT, Direction.RECEIVED
    offer = json.dumps({"type": "offer", "sdp": "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\n"})
    candidate = json.dumps({"candidate": "candidate:1 1 udp 2122 192.0.2.1 50000 typ host"})
    status = json.dumps({"correlationId": "c-9", "errorType": "INVALID_ARGUMENT"})
    return [
        SignalingEntry(start + 0.11, sent, "open"),
        SignalingEntry(start + 0.12, sent, "SDP_OFFER", "", "c-1", offer, 8_950, "accepted"),
        SignalingEntry(start + 0.15, received, "SDP_ANSWER", "", "", offer, 5_120),
        SignalingEntry(start + 0.16, sent, "ICE_CANDIDATE", "", "c-2", candidate, 260),
        SignalingEntry(start + 0.17, received, "ICE_CANDIDATE", "", "", candidate, 260),
        SignalingEntry(start + 0.9, received, "STATUS_RESPONSE", "", "c-9", status, 120, "refused"),
        SignalingEntry(start + 290, received, "GO_AWAY"),
    ]


OFFER = """v=0
o=- 5261785853480884254 2 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0 1 2
m=audio 9 UDP/TLS/RTP/SAVPF 111 0
c=IN IP4 0.0.0.0
a=mid:0
a=recvonly
a=rtpmap:111 opus/48000/2
m=video 9 UDP/TLS/RTP/SAVPF 97 96
c=IN IP4 0.0.0.0
a=mid:1
a=recvonly
a=rtpmap:97 H264/90000
a=rtpmap:96 VP8/90000
m=application 9 UDP/DTLS/SCTP webrtc-datachannel
c=IN IP4 0.0.0.0
a=mid:2
a=sctp-port:5000
""".replace("\n", "\r\n")


def made_descriptions(start: float) -> list[Description]:
    munged = OFFER.replace("SAVPF 97 96", "SAVPF 96 97").replace("a=rtpmap:97", "a=rtpmap:97")
    answer = OFFER.replace("recvonly", "sendonly")
    return [
        Description(start + 0.12, "local", "offer", munged, OFFER),
        Description(start + 0.15, "remote", "answer", answer, answer),
        Description(start + 101.0, "local", "offer", OFFER.replace(" 2 IN", " 3 IN")),
    ]
