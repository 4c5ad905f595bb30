"""RTP streams as the W3C has them, each by its SSRC, retransmissions counted with their stream."""

from collections.abc import Iterable, Iterator
from time import perf_counter

from aiortc import RTCRtpReceiver, RTCRtpSender, RTCRtpTransceiver
from aiortc.codecs import is_rtx
from aiortc.rtcrtpparameters import RTCRtpCodecParameters
from aiortc.rtcrtpreceiver import StreamStatistics

from peerdeck.core.rtc_stats import Value
from peerdeck.engine.aiortc_adapter.inbound import Inbound, InboundStreams
from peerdeck.engine.aiortc_adapter.outbound import Outbound, OutboundStreams
from peerdeck.engine.aiortc_adapter.paths import TRANSPORT_ID

_Objects = Iterator[tuple[str, dict[str, Value]]]


def received(transceiver: RTCRtpTransceiver, streams: InboundStreams) -> _Objects:
    """inbound-rtp, remote-outbound-rtp and codec objects."""
    receiver: RTCRtpReceiver = transceiver.receiver
    statistics: dict[int, StreamStatistics] = receiver._RTCRtpReceiver__remote_streams  # type: ignore[attr-defined]
    rtx: dict[int, int] = receiver._RTCRtpReceiver__rtx_ssrc  # type: ignore[attr-defined]
    repairs = {main: ssrc for ssrc, main in rtx.items()}
    codecs = _codecs(transceiver)
    for ssrc, counted in tuple(statistics.items()):
        stream = streams.get(ssrc)
        codec = codecs.get(stream.payload_type) if stream is not None else None
        if stream is None or codec is None or is_rtx(codec):
            continue
        name, letter = _codec_id("CI", codec), transceiver.kind[0].upper()
        yield name, _codec(codec)
        identity: dict[str, Value] = {
            "ssrc": ssrc,
            "kind": transceiver.kind,
            "transportId": TRANSPORT_ID,
            "codecId": name,
        }
        members = {
            "type": "inbound-rtp",
            **identity,
            **_received(stream, streams.get(repairs.get(ssrc, -1))),
            **(_video(stream) if transceiver.kind == "video" else _audio(stream)),
            "packetsLost": counted.packets_lost,
            "jitter": counted.jitter / counted._clockrate,
        }
        if ssrc in repairs:
            members["rtxSsrc"] = repairs[ssrc]
        if transceiver.mid is not None:
            members["mid"] = transceiver.mid
        if receiver.track is not None:
            members["trackIdentifier"] = receiver.track.id
        if stream.remote is not None:
            members["remoteId"] = f"RO{letter}{ssrc}"
            yield f"RO{letter}{ssrc}", _remote_sender(stream, identity, f"IT01{letter}{ssrc}")
        yield f"IT01{letter}{ssrc}", members


def _received(stream: Inbound, repair: Inbound | None) -> dict[str, Value]:
    members: dict[str, Value] = {
        "packetsReceived": stream.packets,
        "bytesReceived": stream.bytes,
        "headerBytesReceived": stream.header_bytes,
        "packetsDiscarded": stream.discarded,
        "lastPacketReceivedTimestamp": 1000 * stream.received_at,
        "nackCount": stream.nacks,
        "jitterBufferDelay": stream.waited_s,
        "jitterBufferEmittedCount": stream.emitted,
    }
    if stream.decoder:
        members["decoderImplementation"] = stream.decoder
    if repair is not None:
        members["packetsReceived"] = stream.packets + repair.packets
        members["bytesReceived"] = stream.bytes + repair.bytes
        members["headerBytesReceived"] = stream.header_bytes + repair.header_bytes
        members["retransmittedPacketsReceived"] = repair.packets
        members["retransmittedBytesReceived"] = repair.bytes
    return members


def _video(stream: Inbound) -> dict[str, Value]:
    pictures = stream.pictures
    members: dict[str, Value] = {
        "framesReceived": stream.frames,
        "framesDecoded": pictures.count,
        "framesDropped": stream.incomplete + stream.undecodable + stream.skipped + stream.late,
        "keyFramesDecoded": pictures.key_frames,
        "framesPerSecond": pictures.in_last_second(perf_counter()),
        "totalDecodeTime": stream.decode_s,
        "totalInterFrameDelay": pictures.inter_frame_s,
        "totalSquaredInterFrameDelay": pictures.inter_frame_squared_s,
        "freezeCount": pictures.freezes,
        "totalFreezesDuration": pictures.frozen_s,
        "pliCount": stream.plis,
        "firCount": 0,  # aiortc never sends one
    }
    if pictures.width:
        members["frameWidth"], members["frameHeight"] = pictures.width, pictures.height
    return members


def _audio(stream: Inbound) -> dict[str, Value]:
    if not stream.sample_rate:
        return {}
    return {
        "totalSamplesReceived": stream.samples,
        "totalSamplesDuration": stream.samples / stream.sample_rate,
    }


def _remote_sender(stream: Inbound, identity: dict[str, Value], local: str) -> dict[str, Value]:
    remote = stream.remote
    if remote is None:
        return {}
    members: dict[str, Value] = {
        "type": "remote-outbound-rtp",
        **identity,
        "localId": local,
        "packetsSent": remote.packets,
        "bytesSent": remote.bytes,
        "reportsSent": remote.reports,
    }
    if remote.sent_at:
        members["remoteTimestamp"] = 1000 * remote.sent_at
    return members


def sent(transceiver: RTCRtpTransceiver, streams: OutboundStreams) -> _Objects:
    """outbound-rtp, remote-inbound-rtp and codec objects."""
    sender = transceiver.sender
    ssrc, stream = sender._ssrc, streams.get(sender._ssrc)
    codec = _codecs(transceiver).get(stream.payload_type) if stream is not None else None
    if stream is None or codec is None:
        return
    name, letter = _codec_id("CO", codec), transceiver.kind[0].upper()
    yield name, _codec(codec)
    identity: dict[str, Value] = {
        "ssrc": ssrc,
        "kind": transceiver.kind,
        "transportId": TRANSPORT_ID,
        "codecId": name,
    }
    has_rtx = sender._RTCRtpSender__rtx_payload_type is not None  # type: ignore[attr-defined]
    members = {
        "type": "outbound-rtp",
        **identity,
        **_sent(stream, streams.get(sender._rtx_ssrc)),
        **(_sent_video(stream, sender) if transceiver.kind == "video" else {}),
        "active": sender._enabled,
    }
    if has_rtx:
        members["rtxSsrc"] = sender._rtx_ssrc
    if transceiver.mid is not None:
        members["mid"] = transceiver.mid
    if stream.remote is not None:
        members["remoteId"] = f"RI{letter}{ssrc}"
        yield (
            f"RI{letter}{ssrc}",
            _remote_receiver(stream, identity, f"OT01{letter}{ssrc}", codec.clockRate),
        )
    yield f"OT01{letter}{ssrc}", members


def _sent(stream: Outbound, repair: Outbound | None) -> dict[str, Value]:
    again = (repair.packets if repair is not None else 0) + stream.again
    again_bytes = (repair.bytes if repair is not None else 0) + stream.bytes_again
    return {
        "packetsSent": stream.packets + (repair.packets if repair is not None else 0),
        "bytesSent": stream.bytes + (repair.bytes if repair is not None else 0),
        "headerBytesSent": stream.header_bytes + (repair.header_bytes if repair is not None else 0),
        "retransmittedPacketsSent": again,
        "retransmittedBytesSent": again_bytes,
        "nackCount": stream.nacks,
    }


def _sent_video(stream: Outbound, sender: RTCRtpSender) -> dict[str, Value]:
    members: dict[str, Value] = {
        "framesSent": stream.frames_sent,
        "framesEncoded": stream.frames,
        "keyFramesEncoded": stream.key_frames,
        "framesPerSecond": stream.in_last_second(perf_counter()),
        "totalEncodeTime": stream.encode_s,
        "pliCount": stream.plis,
        "firCount": stream.firs,
    }
    if stream.width:
        members["frameWidth"], members["frameHeight"] = stream.width, stream.height
    if stream.encoder:
        members["encoderImplementation"] = stream.encoder
    encoder = sender._RTCRtpSender__encoder  # type: ignore[attr-defined]
    target_bps = stream.target_bps or getattr(encoder, "target_bitrate", None)
    if target_bps is not None:
        members["targetBitrate"] = int(target_bps)
    return members


def _remote_receiver(
    stream: Outbound, identity: dict[str, Value], local: str, clock_rate: int
) -> dict[str, Value]:
    remote = stream.remote
    if remote is None:
        return {}
    members: dict[str, Value] = {
        "type": "remote-inbound-rtp",
        **identity,
        "localId": local,
        "packetsLost": remote.packets_lost,
        "fractionLost": remote.fraction_lost,
        "jitter": remote.jitter / clock_rate,
        "totalRoundTripTime": remote.rtt_total_s,
        "roundTripTimeMeasurements": remote.rtts,
    }
    if remote.rtt_s is not None:
        members["roundTripTime"] = remote.rtt_s
    return members


def _codecs(transceiver: RTCRtpTransceiver) -> dict[int, RTCRtpCodecParameters]:
    codecs: Iterable[RTCRtpCodecParameters] = transceiver._codecs
    return {codec.payloadType: codec for codec in codecs if codec.payloadType is not None}


def _codec_id(prefix: str, codec: RTCRtpCodecParameters) -> str:
    return f"{prefix}{TRANSPORT_ID}_{codec.payloadType}"


def _codec(codec: RTCRtpCodecParameters) -> dict[str, Value]:
    members: dict[str, Value] = {
        "type": "codec",
        "transportId": TRANSPORT_ID,
        "mimeType": codec.mimeType,
        "clockRate": codec.clockRate,
    }
    if codec.payloadType is not None:
        members["payloadType"] = codec.payloadType
    if codec.channels is not None:
        members["channels"] = codec.channels
    if codec.parameters:
        members["sdpFmtpLine"] = ";".join(
            f"{key}={value}" if value is not None else key
            for key, value in codec.parameters.items()
        )
    return members
