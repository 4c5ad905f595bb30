"""What two of our peers measure of each other, in the W3C's names, types and units."""

import time

import pytest
from aioice import stun
from tests.engine.pairing import Picture, camera_and_microphone, lose, paired

from peerdeck.core.glance import glance
from peerdeck.core.stats_definitions import definition_of


def frames(report):
    return max((m.get("framesDecoded", 0) for _, m in report.of("inbound-rtp")), default=0)


async def test_both_ends_count_the_same_packets_and_bytes():
    async with paired(camera_and_microphone()) as (viewer, camera):
        await viewer.until(lambda: viewer.frames >= 20 and viewer.sounds >= 5)
        for sender in camera.connection.getSenders():
            await sender.stop()
        camera.channel.send("that was all")
        await viewer.until(lambda: viewer.messages)
        for kind in ("video", "audio"):
            sent = camera.one("outbound-rtp", kind=kind)
            got = viewer.one("inbound-rtp", kind=kind)
            assert got["ssrc"] == sent["ssrc"]
            assert got["packetsReceived"] == sent["packetsSent"]
            assert got["bytesReceived"] == sent["bytesSent"]
            assert got["headerBytesReceived"] == sent["headerBytesSent"] >= 12 * sent["packetsSent"]
            assert got["packetsLost"] == 0
            assert got["mid"] == sent["mid"]
        ours, theirs = viewer.one("transport"), camera.one("transport")
        assert ours["bytesReceived"] == theirs["bytesSent"]
        assert ours["packetsReceived"] == theirs["packetsSent"]


async def test_frames_are_measured_from_encoder_to_decoder():
    async with paired([Picture(320, 240)]) as (viewer, camera):
        report = await viewer.seen(lambda report: frames(report) >= 30)
        ((_, got),) = report.of("inbound-rtp")
        sent = camera.one("outbound-rtp")
        assert (got["frameWidth"], got["frameHeight"]) == (320, 240)
        assert (sent["frameWidth"], sent["frameHeight"]) == (320, 240)
        assert sent["framesEncoded"] >= sent["framesSent"] >= got["framesReceived"]
        assert got["framesReceived"] >= got["framesDecoded"] >= 30
        assert got["framesDropped"] == 0
        assert got["keyFramesDecoded"] >= 1
        assert sent["keyFramesEncoded"] >= got["keyFramesDecoded"]
        assert 0 < got["totalDecodeTime"] / got["framesDecoded"] < 0.1
        assert 0 < sent["totalEncodeTime"] / sent["framesEncoded"] < 0.1
        assert got["jitterBufferEmittedCount"] == got["framesReceived"]
        assert 0 <= got["jitterBufferDelay"] / got["framesReceived"] < 0.1
        mean_s = got["totalInterFrameDelay"] / (got["framesDecoded"] - 1)
        assert mean_s == pytest.approx(1 / 30, rel=0.3)
        assert got["totalSquaredInterFrameDelay"] >= got["totalInterFrameDelay"] * mean_s * 0.99
        assert 20 <= got["framesPerSecond"] <= 40
        assert (got["decoderImplementation"], sent["encoderImplementation"]) == ("FFmpeg", "libvpx")
        assert sent["targetBitrate"] > 100_000


async def test_samples_of_sound_are_counted_with_the_time_they_waited():
    async with paired(camera_and_microphone()) as (viewer, _):
        await viewer.until(lambda: viewer.sounds >= 10)
        got = viewer.one("inbound-rtp", kind="audio")
        assert got["totalSamplesReceived"] >= 10 * 960
        assert got["totalSamplesDuration"] == got["totalSamplesReceived"] / 48_000
        # aiortc keeps four frames of 20 ms.
        waited_s = got["jitterBufferDelay"] / got["jitterBufferEmittedCount"]
        assert waited_s == pytest.approx(0.08, abs=0.03)
        assert "framesDecoded" not in got
        assert "concealedSamples" not in got


async def test_every_frame_that_was_given_up_is_dropped_whatever_for():
    async with paired([Picture()]) as (viewer, _):
        await viewer.until(lambda: viewer.frames >= 2)
        stream = viewer.internals._measuring._inbound[viewer.one("inbound-rtp")["ssrc"]]
        stream.incomplete, stream.undecodable, stream.skipped, stream.late = 1, 20, 300, 4000
        assert viewer.one("inbound-rtp")["framesDropped"] == 4321


async def test_jitter_is_in_seconds_whatever_the_clock_of_the_codec():
    async with paired(camera_and_microphone()) as (viewer, camera):
        await viewer.until(lambda: viewer.frames >= 5 and viewer.sounds >= 5)
        for sender in camera.connection.getSenders():
            await sender.stop()
        camera.channel.send("that was all")
        await viewer.until(lambda: viewer.messages)
        for receiver in viewer.connection.getReceivers():
            for statistics in receiver._RTCRtpReceiver__remote_streams.values():
                statistics._jitter_q4 = 480 << 4
        assert viewer.one("inbound-rtp", kind="video")["jitter"] == 480 / 90_000
        assert viewer.one("inbound-rtp", kind="audio")["jitter"] == 480 / 48_000


async def test_sound_that_nobody_hears_is_counted_but_not_decoded():
    async with paired(camera_and_microphone()) as (viewer, _):
        viewer.internals.hear(False)
        await viewer.seen(
            lambda r: any(m.get("totalSamplesReceived", 0) > 4800 for _, m in r.of("inbound-rtp"))
        )
        got = viewer.one("inbound-rtp", kind="audio")
        assert viewer.sounds == 0
        assert "decoderImplementation" not in got
        assert got["totalSamplesReceived"] % 960 == 0
        assert got["totalSamplesDuration"] == got["totalSamplesReceived"] / 48_000
        assert 0.04 < got["jitterBufferDelay"] / got["jitterBufferEmittedCount"] < 0.2
        viewer.internals.hear(True)
        await viewer.until(lambda: viewer.sounds >= 3)
        assert viewer.one("inbound-rtp", kind="audio")["decoderImplementation"] == "libopus"


async def test_each_end_tells_what_the_other_reports():
    async with paired([Picture()]) as (viewer, camera):
        await viewer.seen(lambda report: any(report.of("remote-outbound-rtp")))
        await viewer.seen(
            lambda _: any(
                m["roundTripTimeMeasurements"] for _, m in camera.report().of("remote-inbound-rtp")
            )
        )
        far, local = viewer.one("remote-outbound-rtp"), viewer.one("inbound-rtp")
        assert far["ssrc"] == local["ssrc"]
        assert 0 < far["packetsSent"] <= camera.one("outbound-rtp")["packetsSent"]
        assert far["reportsSent"] >= 1
        assert abs(far["remoteTimestamp"] - 1000 * time.time()) < 3000
        said = camera.one("remote-inbound-rtp")
        assert said["packetsLost"] == 0
        assert said["fractionLost"] == 0
        assert 0 <= said["jitter"] < 0.1
        assert 0 <= said["roundTripTime"] < 0.2
        assert said["totalRoundTripTime"] >= said["roundTripTime"]
        assert camera.one("outbound-rtp")["remoteId"] in camera.report().objects
        assert said["localId"] in camera.report().objects


async def test_messages_are_counted_and_empty_ones_have_no_bytes():
    async with paired() as (viewer, camera):
        for message in ("grüße", b"\x00\x01", "", b""):
            viewer.channel.send(message)
        await camera.until(lambda: len(camera.messages) == 4)
        sent, got = viewer.one("data-channel"), camera.one("data-channel")
        assert (sent["messagesSent"], sent["bytesSent"]) == (4, 9)
        assert (got["messagesReceived"], got["bytesReceived"]) == (4, 9)
        assert (sent["label"], sent["state"], sent["dataChannelIdentifier"]) == ("data", "open", 1)
        assert camera.one("peer-connection")["dataChannelsOpened"] == 1


async def test_a_peer_with_data_alone_has_a_path_and_a_transport():
    async with paired() as (viewer, _):
        assert await viewer.internals.measure_rtt() < 1
        report = viewer.report()
        stats = glance(None, report)
        assert stats.pair.path == "host/udp"
        assert stats.rtt_ms > 0
        assert stats.bytes_received > 0
        assert not list(report.of("inbound-rtp"))


async def test_the_transport_tells_what_the_handshake_agreed_on():
    async with paired() as (viewer, camera):
        transport = viewer.one("transport")
        assert transport["dtlsState"] == "connected"
        assert transport["iceState"] == "completed"
        assert {transport["dtlsRole"], camera.one("transport")["dtlsRole"]} == {"server", "client"}
        assert transport["iceRole"] == "controlling"
        assert transport["tlsVersion"] in {"FEFD", "FEFC"}
        assert transport["dtlsCipher"].startswith("TLS_")
        assert transport["srtpCipher"].startswith("SRTP_")
        objects = viewer.report().objects
        ours, theirs = (objects[transport[f"{s}CertificateId"]] for s in ("local", "remote"))
        assert ours["fingerprint"] == next(
            f.value
            for f in viewer.internals._dtls.getLocalParameters().fingerprints
            if f.algorithm == "sha-256"
        )
        assert (
            theirs["fingerprint"]
            == camera.report().objects[camera.one("transport")["localCertificateId"]]["fingerprint"]
        )


async def test_the_selected_pair_carries_what_the_transport_counts_and_others_nothing():
    async with paired([Picture()]) as (viewer, _):
        await viewer.until(lambda: viewer.frames >= 5)
        await viewer.internals.measure_rtt()
        report = viewer.report()
        (transport,) = (m for _, m in report.of("transport"))
        selected = report.objects[transport["selectedCandidatePairId"]]
        assert (selected["state"], selected["nominated"]) == ("succeeded", True)
        assert selected["bytesReceived"] == transport["bytesReceived"]
        assert selected["packetsSent"] == transport["packetsSent"]
        assert selected["requestsSent"] == selected["responsesReceived"] >= 2
        assert selected["consentRequestsSent"] == selected["requestsSent"] - 1
        assert selected["currentRoundTripTime"] <= selected["totalRoundTripTime"]
        assert abs(selected["lastPacketReceivedTimestamp"] / 1000 - time.time()) < 5
        assert transport["selectedCandidatePairChanges"] == 1
        others = [m for n, m in report.of("candidate-pair") if m is not selected]
        assert all(m["bytesSent"] == m["bytesReceived"] == 0 for m in others)
        local = report.objects[selected["localCandidateId"]]
        assert (local["candidateType"], local["protocol"]) == ("host", "udp")
        assert local["usernameFragment"] == transport["iceLocalUsernameFragment"]
        assert report.objects[selected["remoteCandidateId"]]["isRemote"] is True


async def test_ids_stay_and_what_was_counted_outlives_the_connection():
    async with paired([Picture()]) as (viewer, _):
        await viewer.until(lambda: viewer.frames >= 5)
        before = viewer.report()
        await viewer.until(lambda: viewer.frames >= 10)
        await viewer.internals.close(1)
        after = viewer.report()
        assert before.objects.keys() <= after.objects.keys()
        for name, members in before.objects.items():
            for member, value in members.items():
                if member.endswith(("Received", "Sent", "Decoded")):
                    assert after.objects[name][member] >= value


async def test_references_name_objects_of_the_same_report():
    async with paired(camera_and_microphone()) as (viewer, camera):
        await viewer.until(lambda: viewer.frames >= 5 and viewer.sounds >= 5)
        for end in (viewer, camera):
            objects = end.report().objects
            for members in objects.values():
                for member, value in members.items():
                    if member.endswith("Id"):
                        assert value in objects, member


async def test_unanswered_questions_about_the_round_trip_end(monkeypatch):
    async with paired() as (viewer, _):
        pair = viewer.internals._ice._nominated[1]
        asked = []
        pair.protocol.send_stun = lambda message, addr: asked.append(message)
        started = time.perf_counter()
        assert await viewer.internals.measure_rtt() is None
        assert 1.4 < time.perf_counter() - started < 3
        assert len({message.transaction_id for message in asked}) == 3
        assert not pair.protocol.transactions


async def test_an_answer_that_is_not_signed_is_nobodys():
    async with paired() as (viewer, _):
        pair = viewer.internals._ice._nominated[1]

        def forged(message, addr):
            answer = stun.Message(
                message_method=stun.Method.BINDING,
                message_class=stun.Class.RESPONSE,
                transaction_id=message.transaction_id,
            )
            answer.attributes["XOR-MAPPED-ADDRESS"] = ("192.0.2.1", 9)
            answer.add_message_integrity(b"a guess")
            pair.protocol.datagram_received(bytes(answer), addr)

        pair.protocol.send_stun = forged
        assert await viewer.internals.measure_rtt() is None


async def test_a_slow_answer_is_told_from_a_late_one():
    """The first question is lost: the round trip is that of the second."""
    async with paired() as (viewer, _):
        protocol = viewer.internals._ice._nominated[1].protocol
        send, asked = protocol.send_stun, []

        def lossy(message, addr):
            asked.append(message)
            if len(asked) > 1:
                send(message, addr)

        protocol.send_stun = lossy
        assert await viewer.internals.measure_rtt() < 0.4
        assert len(asked) == 2


async def test_the_check_that_found_the_path_is_its_first_round_trip():
    async with paired() as (viewer, _):
        pair = viewer.report().objects[viewer.one("transport")["selectedCandidatePairId"]]
        assert pair["responsesReceived"] == 1
        assert 0 < pair["currentRoundTripTime"] == pair["totalRoundTripTime"] < 0.5


async def test_a_repeated_request_tells_no_round_trip():
    """aioice repeats it as the same transaction: nobody knows which one was answered."""
    async with paired() as (viewer, _):
        ice = viewer.internals._ice
        pair = ice._nominated[1]
        flow = viewer.internals._measuring.paths.flow(pair.protocol, pair.remote_addr)
        before, asked = (flow.rtt_total_s, flow.responses_received), []
        sendto = pair.protocol.transport.sendto

        def lossy(data, addr):
            asked.append(data)
            if len(asked) > 1:
                sendto(data, addr)

        pair.protocol.transport.sendto = lossy
        request = ice.build_request(pair, nominate=False)
        key = ice.remote_password.encode()
        await pair.protocol.request(request, pair.remote_addr, integrity_key=key)
        assert (flow.rtt_total_s, flow.responses_received) == (before[0], before[1] + 1)


async def test_losses_are_asked_for_again_and_counted_on_both_sides():
    def tamper(viewer, camera):
        lose(10, viewer.internals)

    async with paired([Picture(640, 480)], before=tamper) as (viewer, camera):
        await viewer.seen(lambda report: frames(report) >= 45)
        got, sent = viewer.one("inbound-rtp"), camera.one("outbound-rtp")
        assert got["packetsLost"] > 0
        assert got["nackCount"] > 0
        assert abs(sent["nackCount"] - got["nackCount"]) <= 1
        assert sent["retransmittedPacketsSent"] > 0
        assert sent["retransmittedBytesSent"] > 0
        assert got["retransmittedPacketsReceived"] > 0
        assert got["rtxSsrc"] == sent["rtxSsrc"]
        told_of(viewer, camera)


TYPES = {"text": str, "flag": bool}


def told_of(*ends):
    """Everything that is emitted is defined, and is what its definition says."""
    for end in ends:
        for members in end.report().objects.values():
            for member, value in members.items():
                found = definition_of(members["type"], member)
                assert found.words, (members["type"], member)
                if found.kind in TYPES:
                    assert type(value) is TYPES[found.kind], (members["type"], member)
                else:
                    assert type(value) in {int, float}, (members["type"], member)
                    whole = found.kind == "counter" and not found.unit.startswith("s")
                    assert not whole or type(value) is int, (members["type"], member)


async def test_every_member_is_defined_and_of_its_type():
    async with paired(camera_and_microphone()) as (viewer, camera):
        viewer.channel.send("x")
        await viewer.internals.measure_rtt()
        await viewer.seen(lambda report: any(report.of("remote-outbound-rtp")))
        told_of(viewer, camera)
    told_of(viewer, camera)


async def test_all_this_costs_little():
    """200 samples; a data-only peer is to cost less than a millisecond a second."""
    async with paired() as (viewer, _):
        started = time.process_time()
        for _ in range(200):
            viewer.report()
        assert (time.process_time() - started) / 200 < 0.001
