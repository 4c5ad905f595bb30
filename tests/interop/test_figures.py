"""The cards' figures of a viewer beside those of a Chromium that watches the same camera.

Here Chromium's jitter is its own: a sender only repeats what the receiver reports, see
test_statistics.py.
"""

from statistics import median
from typing import Any

import pytest
from tests.interop.browser import Browser
from tests.interop.conftest import FPS, HEIGHT, WIDTH, Channel, of_type
from tests.interop.joined import Join

from peerdeck.core.stats import PeerStats
from peerdeck.localcloud.camera import DemoCamera
from peerdeck.localcloud.turn.faults import Path

SECONDS = 9
TIMES = 0.20


async def test_two_viewers_of_one_camera_measure_the_same(
    page: Browser, channel: Channel, camera: DemoCamera, join: Join
) -> None:
    """60 ms there and back, up to 24 ms of jitter on the way of the media."""
    faults = channel.cloud.turn.faults
    faults.to_peer = Path(delay_s=0.03)
    faults.to_client = Path(delay_s=0.03, jitter_s=0.024)
    await page.call("interop.view", channel.config("VIEWER", relay="udp"))
    joined = await join(relay="udp")
    await joined.frames(FPS)
    await page.call("interop.shown", 1)
    ours: list[PeerStats] = []
    theirs: list[dict[str, Any]] = []
    for _ in range(2 * SECONDS):
        await joined.frames(FPS // 2)
        ours.append(await joined.stats())
        reports = await page.call("interop.stats")
        theirs += of_type(reports, "inbound-rtp", kind="video")
    figures = {
        "frames": (
            ours[-1].frames_decoded - ours[0].frames_decoded,
            theirs[-1]["framesDecoded"] - theirs[0]["framesDecoded"],
        ),
        "fps": (
            median(s.fps for s in ours if s.fps is not None),
            median(report["framesPerSecond"] for report in theirs if "framesPerSecond" in report),
        ),
        "jitter": (
            median(s.jitter_ms for s in ours if s.jitter_ms is not None),
            1000 * median(report["jitter"] for report in theirs),
        ),
    }
    for name, (mine, other) in figures.items():
        print(f"{name}: {mine:.1f} ours, {other:.1f} Chromium's")
        assert mine == pytest.approx(other, rel=TIMES), name
    assert (ours[-1].width, ours[-1].height, ours[-1].codec) == (WIDTH, HEIGHT, "VP8")
