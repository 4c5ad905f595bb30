"""Sessions to record, and what a log holds as plain values."""

from pathlib import Path

from peerdeck.core.peer_log import (
    DataMessage,
    Description,
    Direction,
    Event,
    SessionLog,
    SignalingEntry,
)
from peerdeck.core.rtc_stats import StatsReport
from peerdeck.core.session import Step
from peerdeck.storage.recordings.reader import Restored, read
from peerdeck.storage.recordings.tail import Tail
from peerdeck.storage.recordings.writer import RecordingFile


def plain(log: SessionLog) -> dict[str, object]:
    """All of it, comparable."""
    return {
        "title": log.title,
        "started_at": log.started_at,
        "facts": list(log.facts.items()),
        "steps": log.steps,
        "rebuilds": log.rebuilds,
        "signaling": list(log.signaling),
        "peers": {
            name: {
                "reports": [peer.table.report(row) for row in range(len(peer.table))],
                "events": list(peer.events),
                "descriptions": list(peer.descriptions),
                "messages": list(peer.messages),
            }
            for name, peer in log.peers.items()
        },
    }


def session(peers: int = 1) -> SessionLog:
    """A log with something of everything."""
    log = SessionLog(
        "front-door",
        1_795_195_097.5,
        {"Channel": "front-door", "Role": "Viewer", "Client ID": "peerdeck-1"},
        (Step("Signaling open", 120.5), Step("Offer sent", 180.0, "4310 characters")),
        rebuilds=1,
    )
    log.signaling.append(
        SignalingEntry(1_795_195_097.6, Direction.SENT, "SDP_OFFER", "", "c0ffee", "v=0\r\n", 4310)
    )
    for number in range(peers):
        peer = log.peer(f"viewer-{number}" if peers > 1 else "master")
        peer.events.append(Event(1_795_195_097.7, "peer", "connectionstatechange", "connected"))
        peer.descriptions.append(Description(1_795_195_097.7, "local", "offer", "v=0\r\n", "v=1"))
        for second in range(3):
            add_second(log, peer.id, second)
    return log


def add_second(log: SessionLog, peer_id: str, second: int) -> None:
    peer, at_s = log.peer(peer_id), 1_795_195_098.0 + second + 0.125
    peer.table.append(
        StatsReport(
            at_s,
            {
                "IT01V1": {
                    "type": "inbound-rtp",
                    "bytesReceived": 1_000_003 * second,
                    "fps": 29.97,
                },
                f"CP{second // 4}": {
                    "type": "candidate-pair",
                    "nominated": second % 2 == 0,
                    "state": ("waiting", "in-progress", "succeeded")[second % 3],
                },
            },
        )
    )
    peer.messages.append(
        DataMessage(at_s, Direction.RECEIVED, "kvs", b"\x00\xff %d" % second, 4, is_text=False)
    )
    peer.events.append(Event(at_s, "media", "tick", f"{second} “…”", "ok"))


def recording(log: SessionLog, path: Path, *, ended_at: float | None = 1_795_195_200.0) -> Path:
    """The log as it is, written at once."""
    file = RecordingFile(path)
    file.write(Tail(log, from_beginning=True, program="Peerdeck 0.1.0", created_at=5.0).take())
    file.close(ended_at)
    return path


def restored(log: SessionLog, path: Path) -> Restored:
    return read(recording(log, path))
