"""Our figures of a session beside Chromium's of the same one: getStats() as other opinion."""

from statistics import fmean, median
from typing import Any

import pytest
from tests.interop.browser import Browser
from tests.interop.conftest import FPS, HEIGHT, WIDTH, Channel, of_type
from tests.interop.joined import Join

from peerdeck.core.stats import PeerStats
from peerdeck.localcloud.camera import DemoCamera
from peerdeck.localcloud.turn.faults import Path

SECONDS = 9
COUNTERS, TIMES = 0.02, 0.20
Reports = list[dict[str, Any]]


def slow_path(channel: Channel, way: str) -> None:
    """A network that is worth measuring: 60 ms there and back, up to 24 ms of jitter one way.

    way: that of the media, "to_peer" from the TURN client, or "to_client". One way only: where both
    ends use the relay, both ways are on the way of the media.
    """
    faults = channel.cloud.turn.faults
    faults.to_peer = faults.to_client = Path(delay_s=0.03)
    setattr(faults, way, Path(delay_s=0.03, jitter_s=0.024))


def total(reports: Reports, *fields: str) -> float:
    return sum(report[field] for report in of_type(reports, "outbound-rtp") for field in fields)


def rtt_ms(reports: Reports) -> float:
    """Mean of the STUN exchanges on the pair in use."""
    (transport,) = of_type(reports, "transport")
    (pair,) = of_type(reports, "candidate-pair", id=transport["selectedCandidatePairId"])
    mean_s: float = pair["totalRoundTripTime"] / pair["responsesReceived"]
    return 1000 * mean_s


def told(name: str, ours: float, theirs: float) -> None:
    """For whoever reads `pytest -rP`."""
    print(f"{name}: {ours:.1f} ours, {theirs:.1f} Chromium's ({100 * (ours / theirs - 1):+.1f} %)")


async def test_a_session_as_its_sender_counts_it(
    page: Browser, channel: Channel, join: Join
) -> None:
    slow_path(channel, "to_peer")
    config = channel.config("MASTER", width=WIDTH, height=HEIGHT, fps=FPS, relay="udp")
    await page.call("interop.serve", config)
    joined = await join()
    await joined.frames(FPS)
    (first,) = of_type(await page.call("interop.stats"), "outbound-rtp", kind="video")
    ours: list[PeerStats] = []
    jitters: list[float] = []
    for _ in range(SECONDS):
        await joined.frames(FPS)
        ours.append(await joined.session.sample())
        reports: Reports = await page.call("interop.stats")
        jitters += [
            1000 * r["jitter"] for r in of_type(reports, "remote-inbound-rtp", kind="video")
        ]
    last = ours[-1]
    (video,) = of_type(reports, "outbound-rtp", kind="video")
    sent_fps = 1000 * (video["framesSent"] - first["framesSent"])
    sent_fps /= video["timestamp"] - first["timestamp"]
    counters = {
        "packets": (last.packets_received + last.packets_lost, total(reports, "packetsSent")),
        "bytes": (last.bytes_received, total(reports, "bytesSent", "headerBytesSent")),
        "frames": (last.frames_decoded, video["framesSent"]),
    }
    rtts = [s.rtt_ms for s in ours if s.rtt_ms is not None]
    times = {
        "rtt": (fmean(rtts), rtt_ms(reports)),
        "jitter": (fmean(s.jitter_ms for s in ours if s.jitter_ms is not None), fmean(jitters)),
        "fps": (fmean(s.fps for s in ours if s.fps is not None), sent_fps),
    }
    for tolerance, figures in ((COUNTERS, counters), (TIMES, times)):
        for name, (mine, theirs) in figures.items():
            told(name, mine, theirs)
            assert mine == pytest.approx(theirs, rel=tolerance), name
    assert (last.width, last.height) == (video["frameWidth"], video["frameHeight"])
    (codec,) = of_type(reports, "codec", id=video["codecId"])
    assert codec["mimeType"] == f"video/{last.codec}"


async def test_two_viewers_of_one_camera_measure_the_same(
    page: Browser, channel: Channel, camera: DemoCamera, join: Join
) -> None:
    """Here Chromium's jitter is its own: a sender only repeats what the receiver reports."""
    slow_path(channel, "to_client")
    await page.call("interop.view", channel.config("VIEWER", relay="udp"))
    joined = await join(relay="udp")
    await joined.frames(FPS)
    await page.call("interop.shown", 1)
    ours: list[PeerStats] = []
    theirs: list[dict[str, Any]] = []
    for _ in range(2 * SECONDS):
        await joined.frames(FPS // 2)
        ours.append(await joined.session.sample())
        reports: Reports = await page.call("interop.stats")
        theirs += of_type(reports, "inbound-rtp", kind="video")
    frames = (
        ours[-1].frames_decoded - ours[0].frames_decoded,
        theirs[-1]["framesDecoded"] - theirs[0]["framesDecoded"],
    )
    figures = {
        "frames": frames,
        "jitter": (
            median(s.jitter_ms for s in ours if s.jitter_ms is not None),
            1000 * median(report["jitter"] for report in theirs),
        ),
    }
    for name, (mine, other) in figures.items():
        told(name, mine, other)
        assert mine == pytest.approx(other, rel=TIMES), name
