"""What each member of a statistics report means, in which unit.

After the W3C's "Identifiers for WebRTC's Statistics API", in our own words: every member that we
emit, and the common further ones of Chromium's reports.
"""

from collections.abc import Mapping
from types import MappingProxyType

from peerdeck.core.stats_definition import (
    Definition,
    counter,
    flag,
    gauge,
    text,
)
from peerdeck.core.stats_definitions_rtp import RTP_TYPES

_NOTHING = Definition("", "text", "")

_COMMON = {
    "type": text("Which kind of stats object this is."),
    "id": text("Name of this object in every report of the connection."),
    "timestamp": gauge("ms", "When the figures were taken, since 1970."),
}

_CANDIDATE = {
    "transportId": text("The transport that the candidate belongs to."),
    "address": text("IP address, or the .local name that hides it."),
    "ip": text("Older name of the address."),
    "port": gauge("", "Port number."),
    "protocol": text("How packets are carried from here: udp or tcp."),
    "candidateType": text(
        "host: an own address; srflx, prflx: as seen from outside; relay: one of a TURN server."
    ),
    "priority": gauge("", "Preference among the candidates; higher is better (RFC 8445)."),
    "foundation": text("Equal for candidates of one type, base and server (RFC 8445)."),
    "relatedAddress": text("Of a reflexive or relayed candidate: the address it was made from."),
    "relatedPort": gauge("", "Of a reflexive or relayed candidate: the port it was made from."),
    "relayProtocol": text("How the TURN server is reached: udp, tcp or tls."),
    "tcpType": text("Of a TCP candidate: active, passive or so."),
    "url": text("The STUN or TURN server that gave the candidate."),
    "usernameFragment": text("The ICE user name of its side (ice-ufrag)."),
    "isRemote": flag("Whether it is the other end's."),
    "networkType": text("Kind of network that the address is on."),
    "networkAdapterType": text("Kind of adapter that the address is on."),
    "vpn": flag("Whether the address is on a VPN."),
}

_PAIR = {
    "transportId": text("The transport that the pair was tried for."),
    "localCandidateId": text("Its own end."),
    "remoteCandidateId": text("Its other end."),
    "state": text(
        "frozen and waiting: not checked yet; in-progress: being checked; then succeeded or failed."
    ),
    "nominated": flag("Whether the controlling end chose the pair for use."),
    "writable": flag("Whether requests on the pair are being answered."),
    "priority": gauge("", "Of both candidates' priorities (RFC 8445); checks go by it."),
    "bytesSent": counter("bytes", "Payload sent on the pair, without headers and STUN."),
    "bytesReceived": counter("bytes", "Payload received on the pair, without headers and STUN."),
    "packetsSent": counter("packets", "Datagrams sent on the pair, without STUN."),
    "packetsReceived": counter("packets", "Datagrams received on the pair, without STUN."),
    "bytesDiscardedOnSend": counter("bytes", "Given up by a full or broken socket."),
    "packetsDiscardedOnSend": counter("packets", "Given up by a full or broken socket."),
    "lastPacketSentTimestamp": gauge("ms", "When the last datagram left, since 1970; no STUN."),
    "lastPacketReceivedTimestamp": gauge("ms", "When the last datagram came, since 1970; no STUN."),
    "requestsSent": counter("requests", "STUN checks sent, without repetitions; consent included."),
    "requestsReceived": counter("requests", "STUN checks received, repetitions included."),
    "responsesSent": counter("responses", "Answers to STUN checks."),
    "responsesReceived": counter("responses", "Answers to our STUN checks."),
    "consentRequestsSent": counter(
        "requests", "STUN checks sent after the pair was chosen, to know that it still holds."
    ),
    "currentRoundTripTime": gauge("s", "There and back, by the last STUN check."),
    "totalRoundTripTime": counter("s", "Sum of all measured round trips of STUN checks."),
    "availableOutgoingBitrate": gauge("bit/s", "What could be sent, as congestion control thinks."),
    "availableIncomingBitrate": gauge("bit/s", "What could be received, as the receiver thinks."),
}

_TRANSPORT = {
    "bytesSent": counter("bytes", "Payload sent: media and data, encrypted; no headers, no STUN."),
    "bytesReceived": counter(
        "bytes", "Payload received: media and data, encrypted; no headers, no STUN."
    ),
    "packetsSent": counter("packets", "Datagrams sent, without STUN."),
    "packetsReceived": counter("packets", "Datagrams received, without STUN."),
    "dtlsState": text("Of the encryption: new, connecting, connected, closed or failed."),
    "dtlsRole": text("client opened the handshake, server answered it."),
    "dtlsCipher": text("Cipher suite of the handshake, as IANA names it."),
    "srtpCipher": text("Protection profile of the media, as IANA names it."),
    "tlsVersion": text("Version of DTLS in hexadecimal: FEFD is 1.2, FEFC is 1.3."),
    "iceState": text("Of the search for a path: new, checking, connected, completed, failed …"),
    "iceRole": text("controlling chooses the pair, controlled follows."),
    "iceLocalUsernameFragment": text("Own ICE user name (ice-ufrag)."),
    "localCertificateId": text("Own certificate."),
    "remoteCertificateId": text("The other end's certificate."),
    "selectedCandidatePairId": text("The pair in use."),
    "selectedCandidatePairChanges": counter("changes", "How often the pair in use changed."),
    "rtcpTransportStatsId": text("Transport of RTCP where it has one of its own."),
    "ccfbMessagesSent": counter("messages", "Congestion-control feedback sent (RFC 8888)."),
    "ccfbMessagesReceived": counter("messages", "Congestion-control feedback received (RFC 8888)."),
}

_OTHERS = {
    "data-channel": {
        "label": text("Name that the opening end gave to the channel."),
        "protocol": text("Sub-protocol that was agreed on, if any."),
        "dataChannelIdentifier": gauge("", "Number of its SCTP stream."),
        "state": text("connecting, open, closing or closed."),
        "messagesSent": counter("messages", "Messages sent."),
        "messagesReceived": counter("messages", "Messages received."),
        "bytesSent": counter("bytes", "Payload of the messages sent."),
        "bytesReceived": counter("bytes", "Payload of the messages received."),
    },
    "peer-connection": {
        "dataChannelsOpened": counter("channels", "Data channels that reached open."),
        "dataChannelsClosed": counter("channels", "Data channels that were open and are not now."),
    },
    "certificate": {
        "fingerprint": text("Hash of the certificate, which the SDP announced."),
        "fingerprintAlgorithm": text("How the fingerprint was made."),
        "base64Certificate": text("The certificate itself."),
        "issuerCertificateId": text("The certificate that signed it."),
    },
    "media-source": {
        "kind": text("audio or video."),
        "trackIdentifier": text("Id of the track."),
        "frames": counter("frames", "Pictures that the source made."),
        "framesPerSecond": gauge("frames/s", "Pictures that it made in the last second."),
        "width": gauge("pixels", "Width of its last picture."),
        "height": gauge("pixels", "Height of its last picture."),
        "audioLevel": gauge("", "Loudness: 1 is full scale, 0.5 about 6 dB less."),
        "totalAudioEnergy": counter("", "Sum of loudness squared over time."),
        "totalSamplesDuration": counter("s", "Length of all samples made."),
        "echoReturnLoss": gauge("dB", "How much weaker the echo is than the sound it came from."),
        "echoReturnLossEnhancement": gauge("dB", "How much of the echo was taken away."),
    },
    "media-playout": {
        "kind": text("audio."),
        "synthesizedSamplesDuration": counter("s", "Made up because nothing came in time."),
        "synthesizedSamplesEvents": counter("events", "How often samples had to be made up."),
        "totalSamplesDuration": counter("s", "Length of all samples played."),
        "totalSamplesCount": counter("samples", "Samples played."),
        "totalPlayoutDelay": counter("s", "Sum of the delays of all samples until heard."),
    },
}

DEFINITIONS: Mapping[str, Mapping[str, Definition]] = MappingProxyType(
    {
        kind: MappingProxyType({**_COMMON, **members})
        for kind, members in {
            **RTP_TYPES,
            "candidate-pair": _PAIR,
            "local-candidate": _CANDIDATE,
            "remote-candidate": _CANDIDATE,
            "transport": _TRANSPORT,
            **_OTHERS,
        }.items()
    }
)


def definition_of(kind: str, member: str) -> Definition:
    """kind: the stats object's type. Without words for what nobody has defined."""
    return DEFINITIONS.get(kind, {}).get(member, _NOTHING)
