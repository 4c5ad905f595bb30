"""What the members of RTP stream and codec objects mean."""

from peerdeck.core.stats_definition import Definition, counter, flag, gauge, text

_STREAM = {
    "ssrc": gauge("", "Number by which the stream's packets are known."),
    "kind": text("audio or video."),
    "mediaType": text("Older name of kind."),
    "transportId": text("The transport that carries it."),
    "codecId": text("The codec in use."),
}

_RECEIVED = {
    "packetsReceived": counter("packets", "RTP packets received, retransmissions included."),
    "packetsLost": counter(
        "packets", "Expected but not received (RFC 3550); below 0 if more came than were expected."
    ),
    "jitter": gauge("s", "How unevenly packets arrive, smoothed (RFC 3550)."),
}

_INBOUND_VIDEO = {
    "framesReceived": counter("frames", "Complete frames that arrived."),
    "framesDecoded": counter("frames", "Frames that were decoded."),
    "framesRendered": counter("frames", "Frames that were shown."),
    "framesDropped": counter("frames", "Frames given up: incomplete, undecodable or too late."),
    "keyFramesDecoded": counter("frames", "Decoded frames that need no other frame."),
    "framesPerSecond": gauge("frames/s", "Frames decoded in the last second."),
    "frameWidth": gauge("pixels", "Width of the last decoded frame."),
    "frameHeight": gauge("pixels", "Height of the last decoded frame."),
    "frameBitDepth": gauge("bit", "Bits of a pixel of the last decoded frame."),
    "qpSum": counter("", "Sum of the quantizer values of decoded frames: more is coarser."),
    "totalDecodeTime": counter("s", "Time spent decoding; by framesDecoded it is that of a frame."),
    "totalInterFrameDelay": counter("s", "Sum of the times between decoded frames."),
    "totalSquaredInterFrameDelay": counter(
        "s²", "Sum of their squares, from which their spread is known."
    ),
    "totalAssemblyTime": counter("s", "From first to last packet, of frames of several packets."),
    "framesAssembledFromMultiplePackets": counter("frames", "Frames of several packets."),
    "freezeCount": counter(
        "freezes", "Pauses between frames of 3 times the mean, and at least 150 ms over it."
    ),
    "totalFreezesDuration": counter("s", "Length of all freezes."),
    "pauseCount": counter("pauses", "Times without a frame of more than 5 s."),
    "totalPausesDuration": counter("s", "Length of all pauses."),
    "pliCount": counter("requests", "Requests for a key frame that we sent (PLI)."),
    "firCount": counter("requests", "Requests for a full refresh that we sent (FIR)."),
    "decoderImplementation": text("Which decoder is used."),
    "powerEfficientDecoder": flag("Whether the decoder saves power."),
    "minPlayoutDelay": gauge("s", "Least delay that the application asked for."),
    "totalCorruptionProbability": counter("", "Sum of the likelihoods that frames are broken."),
    "corruptionMeasurements": counter("", "How many frames were judged for being broken."),
}

_INBOUND_AUDIO = {
    "totalSamplesReceived": counter("samples", "Decoded samples of a channel, made-up ones too."),
    "totalSamplesDuration": counter("s", "Length of all decoded samples."),
    "concealedSamples": counter("samples", "Samples made up in place of lost ones."),
    "silentConcealedSamples": counter("samples", "Of these, silence."),
    "concealmentEvents": counter("events", "How often samples had to be made up."),
    "insertedSamplesForDeceleration": counter("samples", "Put in to play slower."),
    "removedSamplesForAcceleration": counter("samples", "Taken out to play faster."),
    "audioLevel": gauge("", "Loudness: 1 is full scale, 0.5 about 6 dB less."),
    "totalAudioEnergy": counter("", "Sum of loudness squared over time."),
    "interruptionCount": counter("events", "Gaps of more than 150 ms that were heard."),
    "totalInterruptionDuration": counter("s", "Length of all such gaps."),
    "delayedPacketOutageSamples": counter("samples", "Made up because packets were late."),
    "relativePacketArrivalDelay": counter("s", "Sum of how late packets were to the fastest."),
    "jitterBufferFlushes": counter("events", "How often the jitter buffer was emptied."),
    "playoutId": text("What plays it."),
}

_INBOUND = {
    **_STREAM,
    **_RECEIVED,
    "bytesReceived": counter("bytes", "RTP payload received, retransmissions included."),
    "headerBytesReceived": counter("bytes", "RTP headers and padding received."),
    "packetsDiscarded": counter("packets", "Came too late or too early to be of use."),
    "packetsReceivedWithEct1": counter("packets", "Received with the mark ECT(1)."),
    "packetsReceivedWithCe": counter("packets", "Received with the mark of congestion."),
    "lastPacketReceivedTimestamp": gauge("ms", "When the last packet came, since 1970."),
    "nackCount": counter("requests", "Requests to send packets again, that we sent (NACK)."),
    "retransmittedPacketsReceived": counter("packets", "Packets that were sent again and came."),
    "retransmittedBytesReceived": counter("bytes", "Payload of packets that were sent again."),
    "fecPacketsReceived": counter("packets", "Packets for error correction."),
    "fecBytesReceived": counter("bytes", "Payload of packets for error correction."),
    "fecPacketsDiscarded": counter("packets", "Packets for error correction that went unused."),
    "rtxSsrc": gauge("", "SSRC on which packets are sent again."),
    "fecSsrc": gauge("", "SSRC of packets for error correction."),
    "jitterBufferDelay": counter(
        "s", "Sum of the times in the jitter buffer; by jitterBufferEmittedCount it is the mean."
    ),
    "jitterBufferEmittedCount": counter("", "Frames of video or samples of sound that left it."),
    "jitterBufferTargetDelay": counter("s", "Sum of the delays that the buffer aimed at."),
    "jitterBufferMinimumDelay": counter("s", "Sum of the least delays that jitter allowed."),
    "totalProcessingDelay": counter("s", "Sum of the times from first packet to decoded."),
    "estimatedPlayoutTimestamp": gauge("ms", "Sender's clock at what is shown now, since 1900."),
    "remoteId": text("What the sender reports of the stream."),
    "trackIdentifier": text("Id of the track."),
    "mid": text("Section of the SDP."),
    "contentType": text("screenshare, where it is that."),
    "googTimingFrameInfo": text("Chromium's timing of one frame."),
    **_INBOUND_VIDEO,
    **_INBOUND_AUDIO,
}

_SENT = {
    "packetsSent": counter("packets", "RTP packets sent, retransmissions included."),
    "bytesSent": counter("bytes", "RTP payload sent, retransmissions included."),
}

_OUTBOUND = {
    **_STREAM,
    **_SENT,
    "headerBytesSent": counter("bytes", "RTP headers and padding sent."),
    "retransmittedPacketsSent": counter("packets", "Packets sent again."),
    "retransmittedBytesSent": counter("bytes", "Payload of packets sent again."),
    "packetsSentWithEct1": counter("packets", "Sent with the mark ECT(1)."),
    "nackCount": counter("requests", "Requests to send packets again, that came (NACK)."),
    "pliCount": counter("requests", "Requests for a key frame that came (PLI)."),
    "firCount": counter("requests", "Requests for a full refresh that came (FIR)."),
    "active": flag("Whether the stream may be sent."),
    "targetBitrate": gauge("bit/s", "What the encoder is asked to keep to."),
    "totalEncodedBytesTarget": counter("bytes", "Sum of the sizes that frames were asked to have."),
    "framesSent": counter("frames", "Frames sent."),
    "hugeFramesSent": counter("frames", "Frames of at least 2.5 times the mean size."),
    "framesEncoded": counter("frames", "Frames that were encoded."),
    "keyFramesEncoded": counter("frames", "Encoded frames that need no other frame."),
    "framesPerSecond": gauge("frames/s", "Frames encoded in the last second."),
    "frameWidth": gauge("pixels", "Width of the last encoded frame."),
    "frameHeight": gauge("pixels", "Height of the last encoded frame."),
    "frameBitDepth": gauge("bit", "Bits of a pixel of the last encoded frame."),
    "qpSum": counter("", "Sum of the quantizer values of encoded frames: more is coarser."),
    "psnrMeasurements": counter("", "How many frames were compared with their originals."),
    "totalEncodeTime": counter("s", "Time spent encoding; by framesEncoded it is that of a frame."),
    "totalPacketSendDelay": counter("s", "Sum of the times packets waited before they left."),
    "qualityLimitationReason": text("What holds quality down: none, cpu, bandwidth or other."),
    "qualityLimitationResolutionChanges": counter("changes", "How often that changed the size."),
    "qualityLimitationDurations": text("How long each reason held."),
    "encoderImplementation": text("Which encoder is used."),
    "powerEfficientEncoder": flag("Whether the encoder saves power."),
    "scalabilityMode": text("Layers of the stream, L1T1 for one."),
    "encodingIndex": gauge("", "Place among the encodings of the track."),
    "rtxSsrc": gauge("", "SSRC on which packets are sent again."),
    "remoteId": text("What the receiver reports of the stream."),
    "mediaSourceId": text("What makes its pictures or sound."),
    "mid": text("Section of the SDP."),
    "rid": text("Name of the encoding."),
}

_REMOTE_INBOUND = {
    **_STREAM,
    **_RECEIVED,
    "localId": text("The stream that it is about."),
    "fractionLost": gauge("", "Share of packets lost since the report before, 0 to 1."),
    "roundTripTime": gauge("s", "There and back, by the last report."),
    "totalRoundTripTime": counter("s", "Sum of all measured round trips."),
    "roundTripTimeMeasurements": counter("", "How many round trips were measured."),
    "packetsReceivedWithEct1": counter("packets", "Received with the mark ECT(1)."),
    "packetsReceivedWithCe": counter("packets", "Received with the mark of congestion."),
}

_REMOTE_OUTBOUND = {
    **_STREAM,
    **_SENT,
    "localId": text("The stream that it is about."),
    "remoteTimestamp": gauge("ms", "Sender's clock at its last report, since 1970."),
    "reportsSent": counter("reports", "Reports that the sender made."),
    "roundTripTime": gauge("s", "There and back, by the last report."),
    "totalRoundTripTime": counter("s", "Sum of all measured round trips."),
    "roundTripTimeMeasurements": counter("", "How many round trips were measured."),
}

_CODEC = {
    "transportId": text("The transport on which it is used."),
    "mimeType": text("Kind and name of the codec."),
    "payloadType": gauge("", "Number that marks its packets."),
    "clockRate": gauge("Hz", "Pace of its timestamps."),
    "channels": gauge("channels", "Channels of sound."),
    "sdpFmtpLine": text("Its parameters in the SDP."),
}

RTP_TYPES: dict[str, dict[str, Definition]] = {
    "inbound-rtp": _INBOUND,
    "outbound-rtp": _OUTBOUND,
    "remote-inbound-rtp": _REMOTE_INBOUND,
    "remote-outbound-rtp": _REMOTE_OUTBOUND,
    "codec": _CODEC,
}
