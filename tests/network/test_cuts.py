"""A network that goes away and comes back."""

import asyncio
import time
from pathlib import Path

from tests.network.lab import CLOUD_V4, built
from tests.network.machines import cloud_on, viewer_on

NOTICED_S = 3.0
MARGIN_S = 0.2  # the way of the line to this process
RETURN_S = 12.0


async def test_a_cut_is_noticed_and_the_session_returns_by_itself(tmp_path: Path) -> None:
    with built() as lab:
        async with (
            cloud_on(lab.cloud, tmp_path / "cloud", host=CLOUD_V4) as cloud,
            viewer_on(lab.viewer, cloud, tmp_path / "viewer") as viewer,
        ):
            await viewer.framed()
            await viewer.watch(2)
            lab.router.cut()
            cut_at = time.time()
            noticed = await viewer.until(lambda line: line["phase"] == "rebuilding", 10)
            print(f"noticed after {noticed['at'] - cut_at:.2f} s")
            assert noticed["at"] - cut_at <= NOTICED_S + MARGIN_S
            assert noticed["problem"] is None
            await asyncio.sleep(max(0.0, cut_at + 10 - time.time()))  # the length of the cut
            lab.router.mend()
            mended_at = time.time()
            back = await viewer.until(
                lambda line: line["phase"] in {"connected", "failed"}, RETURN_S + 20
            )
            assert back["phase"] == "connected", back["problem"]
            shown = await viewer.until(
                lambda line: (
                    line["phase"] == "connected" and line["at"] > mended_at and line["stats"]["fps"]
                )
            )
            print(f"back after {back['at'] - mended_at:.2f} s")
            assert back["at"] - mended_at <= RETURN_S
            assert shown["rebuilds"] == 1
            assert shown["signaling"] == "open"


async def test_a_hiccup_is_sat_out(tmp_path: Path) -> None:
    """1.5 s without a packet: the same connection goes on."""
    with built() as lab:
        async with (
            cloud_on(lab.cloud, tmp_path / "cloud", host=CLOUD_V4) as cloud,
            viewer_on(lab.viewer, cloud, tmp_path / "viewer") as viewer,
        ):
            await viewer.framed()
            await viewer.watch(2)
            lab.router.cut()
            await asyncio.sleep(1.5)  # the length of the cut
            lab.router.mend()
            lines = await viewer.watch(6)
            assert {line["phase"] for line in lines} == {"connected"}
            assert lines[-1]["rebuilds"] == 0
            assert lines[-1]["stats"]["fps"] > 10
