"""Cards show what two reports say, ours or a browser's."""

import gzip
import json
from pathlib import Path

import pytest

from peerdeck.core.glance import glance
from peerdeck.core.rtc_stats import StatsReport


def report(at_s, **members):
    """A viewer's report; members of the video stream may be overridden."""
    video = {
        "type": "inbound-rtp",
        "kind": "video",
        "ssrc": 7,
        "codecId": "C",
        "packetsReceived": 100,
        "packetsLost": 0,
        "framesDecoded": 30,
        "jitter": 0.01,
    }
    return StatsReport(
        at_s,
        {
            "V": {**video, **members},
            "C": {"type": "codec", "mimeType": "video/VP8"},
            "T": {
                "type": "transport",
                "bytesReceived": 1000 * int(at_s),
                "bytesSent": 100 * int(at_s),
                "selectedCandidatePairId": "P",
                "selectedCandidatePairChanges": 1,
            },
            "P": {
                "type": "candidate-pair",
                "localCandidateId": "L",
                "remoteCandidateId": "R",
                "currentRoundTripTime": 0.025,
            },
            "L": {
                "type": "local-candidate",
                "candidateType": "relay",
                "address": "203.0.113.7",
                "port": 9,
                "protocol": "udp",
                "relayProtocol": "tcp",
            },
            "R": {
                "type": "remote-candidate",
                "candidateType": "host",
                "address": "2001:db8::7",
                "port": 8,
                "protocol": "udp",
            },
        },
    )


def test_one_report_has_totals_and_states_but_no_rates():
    stats = glance(None, report(10))
    assert (stats.packets_received, stats.frames_decoded, stats.codec) == (100, 30, "VP8")
    assert (stats.jitter_ms, stats.rtt_ms) == (10, 25)
    rates = (stats.bitrate_in_bps, stats.packets_per_s, stats.loss_percent, stats.fps)
    assert rates == (None,) * 4


def test_rates_are_of_the_interval():
    stats = glance(
        report(10), report(12, packetsReceived=190, packetsLost=10, framesDecoded=90, jitter=0.02)
    )
    assert stats.bitrate_in_bps == 8000
    assert stats.bitrate_out_bps == 800
    assert stats.packets_per_s == 45
    assert stats.loss_percent == 10
    assert stats.fps == 30
    assert stats.jitter_ms == 20


def test_a_stream_that_is_new_began_within_the_interval():
    before = StatsReport(10, {"T": report(10).objects["T"]})
    assert glance(before, report(11, packetsReceived=50)).packets_per_s == 50


def test_what_was_late_and_came_is_no_negative_loss():
    stats = glance(report(10, packetsLost=9), report(11, packetsReceived=200, packetsLost=4))
    assert stats.loss_percent == 0


def test_retransmissions_of_their_own_ssrc_were_not_expected():
    before = report(10, rtxSsrc=8, retransmittedPacketsReceived=0)
    after = report(
        11, rtxSsrc=8, packetsReceived=180, retransmittedPacketsReceived=20, packetsLost=20
    )
    assert glance(before, after).loss_percent == 25


def test_a_counter_that_began_anew_has_no_rate():
    assert glance(report(10, framesDecoded=500), report(11, framesDecoded=3)).fps is None


def test_the_path_names_its_ends_and_how_the_relay_is_reached():
    pair = glance(None, report(1)).pair
    assert pair.path == "relay/tcp"
    assert pair.local_address == "203.0.113.7:9"
    assert pair.remote_address == "[2001:db8::7]:8"


def test_times_per_frame_are_means_of_the_interval():
    before = report(10, totalDecodeTime=1.0, jitterBufferDelay=2.0, jitterBufferEmittedCount=30)
    after = report(
        11,
        framesDecoded=60,
        totalDecodeTime=1.06,
        jitterBufferDelay=3.2,
        jitterBufferEmittedCount=60,
    )
    stats = glance(before, after)
    assert stats.decode_ms == pytest.approx(2)
    assert stats.jitter_buffer_ms == pytest.approx(40)


def test_unknown_is_none_and_not_zero():
    stats = glance(report(10), report(11))
    assert (stats.freezes, stats.decode_ms, stats.nacks_per_s) == (None, None, None)
    assert (stats.out_loss_percent, stats.out_fps) == (None, None)


def test_of_two_pictures_the_one_that_still_comes_is_told():
    def two(at_s, old, new):
        objects = dict(report(at_s).objects)
        objects["V"] = {**objects["V"], "packetsReceived": old, "frameWidth": 640}
        objects["W"] = {**objects["V"], "packetsReceived": new, "frameWidth": 1280}
        return StatsReport(at_s, objects)

    assert glance(two(1, 5000, 10), two(2, 5000, 99)).width == 1280


def test_a_sender_is_told_by_what_it_sends_and_by_what_the_other_end_reports():
    def sending(at_s, frames):
        return StatsReport(
            at_s,
            {
                "O": {
                    "type": "outbound-rtp",
                    "kind": "video",
                    "codecId": "C",
                    "framesEncoded": frames,
                    "framesSent": frames,
                    "totalEncodeTime": frames * 0.005,
                    "frameWidth": 1280,
                    "frameHeight": 720,
                    "pliCount": frames // 30,
                },
                "C": {"type": "codec", "mimeType": "video/H264"},
                "RI": {
                    "type": "remote-inbound-rtp",
                    "kind": "video",
                    "fractionLost": 0.05,
                    "jitter": 0.003,
                    "roundTripTime": 0.04,
                },
            },
        )

    stats = glance(sending(1, 30), sending(2, 60))
    assert (stats.codec, stats.out_codec, stats.out_fps) == ("H264", "H264", 30)
    assert stats.out_encode_ms == pytest.approx(5)
    assert stats.out_loss_percent == pytest.approx(5)
    assert (stats.out_jitter_ms, stats.out_rtt_ms) == pytest.approx((3, 40))
    assert (stats.out_plis_per_s, stats.rtt_ms) == pytest.approx((1, 40))


DUMP = Path(__file__).parents[1] / "data" / "chromium-156-webrtc-internals.json.gz"


def dumped(receiving):
    """Chromium's last two reports of one of its connections, and the rates that it worked out."""
    connections = json.loads(gzip.decompress(DUMP.read_bytes()))["PeerConnections"].values()
    wanted = "inbound-rtp" if receiving else "outbound-rtp"
    stats = next(
        c["stats"]
        for c in connections
        if wanted in {series["statsType"] for series in c["stats"].values()}
    )
    times = next(
        json.loads(series["values"])
        for name, series in stats.items()
        if name.startswith("T01-") and name.endswith("timestamp") and "[" not in name
    )
    reports = []
    for place in (-2, -1):
        objects = {}
        for name, series in stats.items():
            values = json.loads(series["values"])
            if "[" not in name and len(values) >= -place:
                identity, _, member = name.rpartition("-")
                objects.setdefault(identity, {"type": series["statsType"]})[member] = values[place]
        reports.append(StatsReport(times[place] / 1000, objects))
    worked_out = {}
    for name, series in stats.items():
        identity, _, figure = name.partition("-[")
        if figure:
            stream = identity.rstrip("0123456789") if identity.startswith(("IT", "OT")) else "T"
            worked_out[stream, figure.rstrip("]")] = json.loads(series["values"])[-1]
    return glance(*reports), worked_out


def test_chromiums_receiver_is_told_as_its_own_page_tells_it():
    stats, page = dumped(receiving=True)
    assert stats.codec == "VP8"
    assert (stats.width, stats.height) == (320, 180)
    assert stats.fps == pytest.approx(page["IT01V", "framesDecoded/s"], rel=0.01)
    assert stats.bitrate_in_bps == pytest.approx(page["T", "bytesReceived_in_bits/s"], rel=0.01)
    assert stats.decode_ms == pytest.approx(page["IT01V", "totalDecodeTime/framesDecoded_in_ms"])
    buffered = "jitterBufferDelay/jitterBufferEmittedCount_in_ms"
    assert stats.jitter_buffer_ms == pytest.approx(page["IT01V", buffered])
    assert (stats.freezes, stats.frames_dropped, stats.key_frames) == (0, 0, 1)
    assert (stats.loss_percent, stats.nacks_per_s, stats.plis_per_s) == (0, 0, 0)
    assert stats.pair.path == "host/udp"
    assert stats.pair_changes == 2
    assert stats.rtt_ms < 5


def test_chromiums_sender_is_told_as_its_own_page_tells_it():
    stats, page = dumped(receiving=False)
    assert stats.out_codec == "VP8"
    assert (stats.out_width, stats.out_height) == (320, 180)
    assert stats.out_fps == pytest.approx(page["OT01V", "framesSent/s"], rel=0.01)
    assert stats.out_encode_ms == pytest.approx(
        page["OT01V", "totalEncodeTime/framesEncoded_in_ms"]
    )
    assert stats.bitrate_out_bps == pytest.approx(page["T", "bytesSent_in_bits/s"], rel=0.01)
    assert stats.out_target_bps == 600_000
    assert (stats.out_loss_percent, stats.out_rtt_ms) == (0, 1)
    assert stats.out_jitter_ms == pytest.approx(0.788)
