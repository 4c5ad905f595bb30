"""A day of 1 Hz statistics of one session: what it weighs, and how soon it is open again.

The session is a viewer's that receives video and audio and a text a second: counters that grow with
noise, times and delays as doubles, four candidate pairs, texts that seldom change.

    packaging/dev bench recording [--quick] [--json FILE]

--quick takes an hour, and scales its size to a day.
"""

import random
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from figures import Figure, median_of, options, report

from peerdeck.core.peer_log import DataMessage, Direction, Event, SessionLog
from peerdeck.core.rtc_stats import StatsReport, Value
from peerdeck.storage.recordings.reader import read
from peerdeck.storage.recordings.tail import Tail
from peerdeck.storage.recordings.writer import RecordingFile

DAY_S = 86_400
STARTED_AT = 1_795_132_800.0


class Camera:
    """A report per second with about 190 members."""

    def __init__(self) -> None:
        self._random = random.Random(1)
        self._totals: dict[str, float] = {}

    def report(self, second: int) -> StatsReport:
        at_s = STARTED_AT + second + self._random.uniform(0, 0.004)
        objects: dict[str, dict[str, Value]] = {
            "IT01V3421610583": self._video(at_s),
            "IT01A3112657472": self._audio(at_s),
            "ROV3421610583": self._sender(at_s, 30),
            "ROA3112657472": self._sender(at_s, 50),
            "T01": self._transport(),
            "D1": self._channel(),
            "CIT01_96": _codec("video/VP8", 90_000, 96),
            "CIT01_111": _codec("audio/opus", 48_000, 111),
        }
        for number in range(4):
            objects[f"CP{number}"] = self._pair(number, at_s)
            objects[f"I{number}"] = _candidate("local-candidate", number)
            objects[f"J{number}"] = _candidate("remote-candidate", number)
        return StatsReport(at_s, objects)

    def _grow(self, name: str, mean: float, noise: float) -> int:
        total = self._totals.get(name, 0.0) + max(0.0, self._random.gauss(mean, noise))
        self._totals[name] = total
        return int(total)

    def _spent(self, name: str, mean_s: float) -> float:
        total = self._totals.get(name, 0.0) + abs(self._random.gauss(mean_s, mean_s / 5))
        self._totals[name] = total
        return round(total, 6)

    def _video(self, at_s: float) -> dict[str, Value]:
        frames = self._grow("frames", 30, 0.4)
        return {
            "type": "inbound-rtp",
            "kind": "video",
            "mid": "0",
            "ssrc": 3421610583,
            "transportId": "T01",
            "codecId": "CIT01_96",
            "trackIdentifier": "8e4b2489-2e39-4bff-9600-77f65ff7544d",
            "decoderImplementation": "libvpx",
            "bytesReceived": self._grow("bytes", 187_500, 9_000),
            "headerBytesReceived": self._grow("header", 4_200, 150),
            "packetsReceived": self._grow("packets", 175, 7),
            "packetsLost": self._grow("lost", 0.05, 0.3),
            "packetsDiscarded": 0,
            "jitter": round(abs(self._random.gauss(0.004, 0.001)), 6),
            "framesReceived": frames + self._random.randrange(2),
            "framesDecoded": frames,
            "framesDropped": self._grow("dropped", 0.01, 0.1),
            "framesPerSecond": self._random.choice((29, 30, 30, 30, 31)),
            "keyFramesDecoded": self._grow("keys", 0.1, 0.2),
            "frameWidth": 1280,
            "frameHeight": 720,
            "qpSum": self._grow("qp", 900, 60),
            "nackCount": self._grow("nack", 0.05, 0.3),
            "pliCount": self._grow("pli", 0.01, 0.1),
            "firCount": 0,
            "freezeCount": self._grow("freeze", 0.001, 0.02),
            "pauseCount": 0,
            "totalFreezesDuration": 0.0,
            "totalPausesDuration": 0.0,
            "totalDecodeTime": self._spent("decode", 0.09),
            "totalProcessingDelay": self._spent("processing", 1.4),
            "totalAssemblyTime": self._spent("assembly", 0.08),
            "totalInterFrameDelay": self._spent("inter", 1.0),
            "totalSquaredInterFrameDelay": self._spent("squared", 0.034),
            "framesAssembledFromMultiplePackets": self._grow("multiple", 29, 1),
            "jitterBufferDelay": self._spent("buffer", 1.2),
            "jitterBufferTargetDelay": self._spent("target", 1.0),
            "jitterBufferMinimumDelay": self._spent("minimum", 0.9),
            "jitterBufferEmittedCount": frames,
            "lastPacketReceivedTimestamp": round(1000 * at_s - self._random.uniform(0, 30), 3),
        }

    def _audio(self, at_s: float) -> dict[str, Value]:
        samples = self._grow("samples", 48_000, 300)
        return {
            "type": "inbound-rtp",
            "kind": "audio",
            "mid": "1",
            "ssrc": 3112657472,
            "transportId": "T01",
            "codecId": "CIT01_111",
            "bytesReceived": self._grow("a-bytes", 3_900, 300),
            "headerBytesReceived": self._grow("a-header", 1_400, 10),
            "packetsReceived": self._grow("a-packets", 50, 0.5),
            "packetsLost": self._grow("a-lost", 0.02, 0.2),
            "packetsDiscarded": 0,
            "fecPacketsReceived": 0,
            "fecPacketsDiscarded": 0,
            "jitter": self._random.randrange(8) / 1000,
            "audioLevel": self._random.randrange(32_768) / 32_767,
            "totalAudioEnergy": self._spent("energy", 0.02),
            "totalSamplesDuration": round(samples / 48_000, 2),
            "totalSamplesReceived": samples,
            "concealedSamples": self._grow("concealed", 8, 40),
            "silentConcealedSamples": self._grow("silent", 4, 20),
            "concealmentEvents": self._grow("events", 0.02, 0.2),
            "insertedSamplesForDeceleration": self._grow("inserted", 6, 20),
            "removedSamplesForAcceleration": self._grow("removed", 6, 20),
            "jitterBufferDelay": self._spent("a-buffer", 3_000.0),
            "jitterBufferTargetDelay": self._spent("a-target", 2_900.0),
            "jitterBufferMinimumDelay": self._spent("a-minimum", 2_900.0),
            "jitterBufferEmittedCount": samples,
            "totalProcessingDelay": self._spent("a-processing", 3_100.0),
            "lastPacketReceivedTimestamp": round(1000 * at_s - self._random.uniform(0, 20), 3),
        }

    def _sender(self, at_s: float, rate: int) -> dict[str, Value]:
        return {
            "type": "remote-outbound-rtp",
            "kind": "video" if rate == 30 else "audio",
            "ssrc": 3421610583,
            "transportId": "T01",
            "packetsSent": self._grow(f"sent{rate}", rate, 2),
            "bytesSent": self._grow(f"sent-bytes{rate}", 1000 * rate, 900),
            "reportsSent": self._grow(f"reports{rate}", 0.8, 0.3),
            "remoteTimestamp": round(1000 * at_s - self._random.uniform(0, 900), 3),
            "roundTripTime": round(abs(self._random.gauss(0.042, 0.004)), 6),
            "totalRoundTripTime": self._spent(f"round{rate}", 0.04),
            "roundTripTimeMeasurements": self._grow(f"measured{rate}", 0.8, 0.3),
        }

    def _transport(self) -> dict[str, Value]:
        return {
            "type": "transport",
            "bytesReceived": self._grow("t-in", 196_000, 9_500),
            "bytesSent": self._grow("t-out", 2_400, 200),
            "packetsReceived": self._grow("t-packets-in", 230, 8),
            "packetsSent": self._grow("t-packets-out", 24, 3),
            "dtlsState": "connected",
            "iceState": "connected",
            "iceRole": "controlling",
            "tlsVersion": "FEFD",
            "dtlsCipher": "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
            "srtpCipher": "AES_CM_128_HMAC_SHA1_80",
            "selectedCandidatePairId": "CP0",
            "selectedCandidatePairChanges": 1,
        }

    def _channel(self) -> dict[str, Value]:
        return {
            "type": "data-channel",
            "label": "kvsDataChannel",
            "state": "open",
            "dataChannelIdentifier": 1,
            "messagesReceived": self._grow("d-messages", 1, 0),
            "bytesReceived": self._grow("d-bytes", 120, 4),
            "messagesSent": 0,
            "bytesSent": 0,
        }

    def _pair(self, number: int, at_s: float) -> dict[str, Value]:
        used = number == 0
        return {
            "type": "candidate-pair",
            "transportId": "T01",
            "localCandidateId": f"I{number}",
            "remoteCandidateId": f"J{number}",
            "state": "succeeded",
            "nominated": used,
            "priority": 9_115_038_255_631_187_455 - number,
            "bytesReceived": self._grow("p-in", 196_000, 9_500) if used else 0,
            "bytesSent": self._grow("p-out", 2_400, 200) if used else 0,
            "packetsReceived": self._grow("p-packets-in", 230, 8) if used else 0,
            "packetsSent": self._grow("p-packets-out", 24, 3) if used else 0,
            "requestsSent": self._grow(f"p-sent{number}", 0.4, 0.3),
            "requestsReceived": self._grow(f"p-got{number}", 0.4, 0.3),
            "responsesSent": self._grow(f"p-answered{number}", 0.4, 0.3),
            "responsesReceived": self._grow(f"p-answers{number}", 0.4, 0.3),
            "consentRequestsSent": self._grow(f"p-consent{number}", 0.2, 0.2),
            "currentRoundTripTime": round(abs(self._random.gauss(0.04, 0.004)), 6),
            "totalRoundTripTime": self._spent(f"p-round{number}", 0.016),
            "availableIncomingBitrate": self._random.gauss(2e6, 1e5) if used else 0.0,
            "lastPacketReceivedTimestamp": round(1000 * at_s, 3) if used else 0.0,
        }


def _candidate(kind: str, number: int) -> dict[str, Value]:
    return {
        "type": kind,
        "transportId": "T01",
        "candidateType": ("host", "srflx", "relay", "host")[number],
        "address": f"192.0.2.{number}",
        "port": 50_000 + number,
        "protocol": "udp",
        "priority": 2_122_194_687 - number,
        "foundation": f"390078309{number}",
    }


def _codec(name: str, rate: int, number: int) -> dict[str, Value]:
    return {
        "type": "codec",
        "mimeType": name,
        "clockRate": rate,
        "payloadType": number,
        "channels": 1,
        "transportId": "T01",
    }


def write_day(path: Path, seconds: int) -> tuple[list[float], list[float], int]:
    """CPU milliseconds of each second's taking (on the loop) and writing (on a thread), and how
    many members the last report had."""
    log, camera = SessionLog("front-door", STARTED_AT, {"Role": "Viewer"}), Camera()
    peer = log.peer("master")
    taking, writing = [], []
    file, tail = RecordingFile(path), Tail(log, from_beginning=True)
    for second in range(seconds):
        found = camera.report(second)
        peer.table.append(found)
        text = b'{"clock":"%02d:%02d","battery":%d}' % (second // 3600, second // 60 % 60, second)
        peer.messages.append(
            DataMessage(found.at_s, Direction.RECEIVED, "kvsDataChannel", text, len(text))
        )
        if second % 30 == 0:
            peer.events.append(Event(found.at_s, "media", "keyframe", "1280×720"))
        started = time.process_time()
        batch = tail.take()
        taken = time.process_time()
        file.write(batch)
        taking.append(1000 * (taken - started))
        writing.append(1000 * (time.process_time() - taken))
    file.close(STARTED_AT + seconds)
    return taking, writing, sum(map(len, peer.table.report().objects.values()))


def opened(path: Path, seconds: int) -> tuple[float, float, float]:
    """Seconds until the log is there, and until a report and four series are; CPU of the first."""
    started, busy = time.perf_counter(), time.process_time()
    log = read(path).log
    there, busy = time.perf_counter() - started, time.process_time() - busy
    table = log.peer("master").table
    if len(table) != seconds:
        raise RuntimeError(f"{len(table)} rows of {seconds}")
    table.report(seconds // 2)
    for member in ("bytesReceived", "framesDecoded", "jitter", "packetsLost"):
        table.column(("IT01V3421610583", member))
    return there, time.perf_counter() - started, busy


def main() -> int:
    chosen = options("A day of statistics: its size, its opening, its writing.")
    seconds = 3_600 if chosen.quick else DAY_S
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "day.prec")
        taking, writing, members = write_day(path, seconds)
        size_mb = path.stat().st_size / 1e6 * DAY_S / seconds
        times = [opened(path, seconds) for _ in range(5)]
    figures = [
        Figure(f"a day on disk, {members} members at 1 Hz", size_mb, "MB", 60),
        median_of("opened", [there for there, _, _ in times], "s", 1.0),
        median_of("opened, of two threads", [busy for _, _, busy in times], "s CPU"),
        median_of("opened and drawn", [drawn for _, drawn, _ in times], "s"),
        Figure("taken from the log, median", statistics.median(taking), "ms CPU", 5),
        Figure(
            "taken from the log, slowest of 1000", sorted(taking)[-1 - seconds // 1000], "ms CPU"
        ),
        Figure("written, median", statistics.median(writing), "ms CPU"),
    ]
    return report(figures, chosen.json)


if __name__ == "__main__":
    sys.exit(main())
