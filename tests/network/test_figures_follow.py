"""What the network does to a session, and what the session says of it."""

from pathlib import Path

import pytest
from tests.network.lab import CLOUD_V4, VIEWER_V4, built
from tests.network.machines import Line, cloud_on, viewer_on


def counted(lines: list[Line]) -> tuple[int, int]:
    """Packets received for the first time, and lost, between the first and the last of them."""
    names = "packetsReceived", "packetsLost", "retransmittedPacketsReceived"
    received, lost, again = (total(lines[-1], name) - total(lines[0], name) for name in names)
    return received - again, lost


def total(line: Line, member: str) -> int:
    """Of all streams; with retransmissions where they have an SSRC of their own, as W3C has it."""
    streams = [o for o in line["report"].values() if o["type"] == "inbound-rtp"]
    return sum(stream.get(member, 0) for stream in streams)


def selected_pair(line: Line) -> dict[str, object]:
    transport = next(o for o in line["report"].values() if o["type"] == "transport")
    return line["report"][transport["selectedCandidatePairId"]]


async def test_round_trip_is_that_of_the_line(tmp_path: Path) -> None:
    """80 ms there and back by the line; the machine's own share may be 20 %."""
    with built(delay_s=0.04) as lab:
        async with (
            cloud_on(lab.cloud, tmp_path / "cloud", host=CLOUD_V4) as cloud,
            viewer_on(lab.viewer, cloud, tmp_path / "viewer") as viewer,
        ):
            await viewer.framed()
            lines = [line for line in await viewer.watch(8) if line["stats"]["rtt_ms"]]
            rtts = sorted(line["stats"]["rtt_ms"] for line in lines)
            assert rtts[0] >= 80
            assert rtts[len(rtts) // 2] < 96
            pair = selected_pair(lines[-1])
            assert 0.08 <= pair["currentRoundTripTime"] < 0.12
            mean_s = pair["totalRoundTripTime"] / pair["responsesReceived"]
            assert 0.07 < mean_s < 0.12


@pytest.mark.parametrize("percent", [5, 30])
async def test_loss_is_what_the_router_dropped(tmp_path: Path, percent: int) -> None:
    """Against the router's own count, which has STUN and retransmissions in it, too."""
    with built() as lab:
        async with (
            cloud_on(lab.cloud, tmp_path / "cloud", host=CLOUD_V4) as cloud,
            viewer_on(lab.viewer, cloud, tmp_path / "viewer") as viewer,
        ):
            await viewer.framed()
            lab.router.lose(percent, towards=VIEWER_V4)
            await viewer.next()
            before = lab.router.drops()
            lines = [viewer.now, *await viewer.watch(15)]
            after = lab.router.drops()
            dropped = 100 * (after.dropped - before.dropped) / (after.seen - before.seen)
            received, lost = counted(lines)
            print(f"{received} received, {lost} lost; router {dropped:.1f} %")
            assert received + lost > 500
            assert 100 * lost / (received + lost) == pytest.approx(dropped, abs=1.5, rel=0.1)
            shown = [line["stats"]["loss_percent"] for line in lines[1:]]
            assert sum(shown) / len(shown) == pytest.approx(percent, abs=2, rel=0.25)
            assert viewer.now["phase"] == "connected"
            assert viewer.now["rebuilds"] == 0


async def test_bit_rate_stays_below_the_cap(tmp_path: Path) -> None:
    """The camera sends more than the line carries: what is above it is shown as lost."""
    with built() as lab:
        async with (
            cloud_on(lab.cloud, tmp_path / "cloud", host=CLOUD_V4) as cloud,
            viewer_on(lab.viewer, cloud, tmp_path / "viewer") as viewer,
        ):
            await viewer.framed()
            lab.router.cap("inside", 400)
            await viewer.watch(2)
            lines = await viewer.watch(10)
            rates = sorted(line["stats"]["bitrate_in_bps"] for line in lines)
            print("bit/s:", [f"{rate:.0f}" for rate in rates])
            # Seconds of the sampler and of the shaper do not begin together: single ones may
            # exceed by the bucket.
            assert rates[len(rates) // 2] <= 400_000
            assert rates[-1] <= 400_000 * 1.25
            assert rates[len(rates) // 2] > 200_000
            received, lost = counted(lines)
            assert lost > 0.1 * (received + lost)
            assert max(line["stats"]["rtt_ms"] for line in lines) > 100, "the shaper's queue"
            assert viewer.now["rebuilds"] == 0
