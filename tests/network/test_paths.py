"""Joining where the plain way is closed."""

from pathlib import Path

from tests.network.lab import CLOUD_V4, CLOUD_V6, ROUTER_V4, VIEWER_V4, VIEWER_V6, built
from tests.network.machines import cloud_on, helper_on, viewer_on


async def test_without_udp_the_relay_is_reached_over_tcp(tmp_path: Path) -> None:
    """Nobody chose or tested anything before: the session finds out by itself."""
    with built() as lab:
        lab.router.block("meta l4proto udp")
        async with (
            cloud_on(lab.cloud, tmp_path / "cloud", host=CLOUD_V4) as cloud,
            viewer_on(lab.viewer, cloud, tmp_path / "viewer") as viewer,
        ):
            line = await viewer.framed()
            assert line["path"] == "relay/tcp"
            assert line["steps"]["First frame"] < 8_000


async def test_two_symmetric_nats_meet_at_the_relay(tmp_path: Path) -> None:
    """Neither sees the other's mapping; both reach TURN over UDP."""
    with built() as lab:
        lab.router.masquerade("outside")
        lab.gate.masquerade("outside")
        async with (
            cloud_on(lab.cloud, tmp_path / "cloud", host=CLOUD_V4, devices=False) as cloud,
            helper_on(
                lab.camera,
                "camera.py",
                "front-door",
                home=tmp_path / "camera",
                environment=cloud.environment,
            ),
            viewer_on(lab.viewer, cloud, tmp_path / "viewer") as viewer,
        ):
            line = await viewer.framed()
            assert line["path"] == "relay/udp"
            own = [o for o in line["report"].values() if o["type"] == "local-candidate"]
            assert {o["candidateType"] for o in own} == {"host", "srflx", "relay"}
            mapped = {o["address"] for o in own if o["candidateType"] == "srflx"}
            assert mapped == {ROUTER_V4}


async def test_a_nat_of_the_viewer_alone_needs_no_relay(tmp_path: Path) -> None:
    with built() as lab:
        lab.router.masquerade("outside")
        async with (
            cloud_on(lab.cloud, tmp_path / "cloud", host=CLOUD_V4) as cloud,
            viewer_on(lab.viewer, cloud, tmp_path / "viewer") as viewer,
        ):
            line = await viewer.framed()
            assert "relay" not in line["path"]
            assert line["stats"]["pair"]["local_address"].startswith(VIEWER_V4)


async def test_over_ipv6_alone(tmp_path: Path) -> None:
    """HTTP and signaling pass a translator, as a phone network's; media has IPv6 only."""
    with built(ipv6_only=True) as lab:
        async with cloud_on(lab.cloud, tmp_path / "cloud", host="127.0.0.1") as cloud:
            port = str(cloud.port)
            async with (
                helper_on(
                    lab.cloud,
                    "forward.py",
                    CLOUD_V6,
                    "127.0.0.1",
                    port,
                    home=tmp_path / "far",
                    environment={},
                ),
                helper_on(
                    lab.viewer,
                    "forward.py",
                    "127.0.0.1",
                    CLOUD_V6,
                    port,
                    home=tmp_path / "near",
                    environment={},
                ),
                viewer_on(lab.viewer, cloud, tmp_path / "viewer") as viewer,
            ):
                line = await viewer.framed()
                assert line["stats"]["pair"]["local_address"].startswith(f"[{VIEWER_V6}]:")
                assert line["stats"]["pair"]["remote_address"].startswith(f"[{CLOUD_V6}]:")


async def test_a_third_of_all_packets_lost_from_the_start_still_joins(tmp_path: Path) -> None:
    """Checks, the DTLS handshake and the first key frame all have to be repeated."""
    with built() as lab:
        lab.router.lose(30, towards=VIEWER_V4)
        async with (
            cloud_on(lab.cloud, tmp_path / "cloud", host=CLOUD_V4) as cloud,
            viewer_on(lab.viewer, cloud, tmp_path / "viewer") as viewer,
        ):
            line = await viewer.framed()
            assert line["steps"]["First frame"] < 20_000
