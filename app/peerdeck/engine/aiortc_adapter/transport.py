"""The one DTLS transport as the W3C has it, with its certificates."""

import base64
from collections.abc import Iterator

from aiortc.rtcdtlstransport import RTCDtlsTransport, certificate_digest
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import Certificate

from peerdeck.core.rtc_stats import Value
from peerdeck.engine.aiortc_adapter.paths import TRANSPORT_ID, Paths

# OpenSSL's names → those of IANA's registries, which the W3C asks for.
_CIPHERS = {
    "ECDHE-ECDSA-AES128-GCM-SHA256": "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "ECDHE-ECDSA-CHACHA20-POLY1305": "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    "ECDHE-ECDSA-AES128-SHA": "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",
    "ECDHE-ECDSA-AES256-SHA": "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
}
_SRTP_PROFILES = {"SRTP_AES128_CM_SHA1_80": "SRTP_AES128_CM_HMAC_SHA1_80"}
_Objects = Iterator[tuple[str, dict[str, Value]]]


class Transport:
    """Reads one RTCDtlsTransport; what never changes once it is known is kept."""

    def __init__(self, dtls: RTCDtlsTransport, paths: Paths) -> None:
        self._dtls = dtls
        self._paths = paths
        local: Certificate = dtls._RTCDtlsTransport__local_certificate._cert  # type: ignore[attr-defined]
        self._local = _certificate(local)
        self._remote: tuple[str, dict[str, Value]] | None = None
        self._negotiated: dict[str, Value] = {}

    @property
    def datagrams_received(self) -> int:
        return int(self._dtls._RTCDtlsTransport__rx_packets)  # type: ignore[attr-defined]

    def objects(self) -> _Objects:
        dtls = self._dtls
        if not self._negotiated and dtls.encrypted:
            self._learn()
        members: dict[str, Value] = {
            "type": "transport",
            "dtlsState": dtls.state,
            "iceState": dtls.transport.state,
            "iceRole": dtls.transport.role,
            "iceLocalUsernameFragment": dtls.transport._connection.local_username,
            "localCertificateId": self._local[0],
            "selectedCandidatePairChanges": self._paths.changes,
            "bytesReceived": int(dtls._RTCDtlsTransport__rx_bytes),  # type: ignore[attr-defined]
            "bytesSent": int(dtls._RTCDtlsTransport__tx_bytes),  # type: ignore[attr-defined]
            "packetsReceived": self.datagrams_received,
            "packetsSent": int(dtls._RTCDtlsTransport__tx_packets),  # type: ignore[attr-defined]
            **self._negotiated,
        }
        if selected := self._paths.selected_id:
            members["selectedCandidatePairId"] = selected
        yield TRANSPORT_ID, members
        yield self._local
        if self._remote is not None:
            yield self._remote

    def _learn(self) -> None:
        """What the handshake agreed on."""
        tls = self._dtls._ssl
        if tls is None:
            return
        cipher = tls.get_cipher_name() or ""
        profile = tls.get_selected_srtp_profile().decode()
        remote = tls.get_peer_certificate(as_cryptography=True)
        known: dict[str, Value] = {
            "dtlsRole": self._dtls._role,
            "dtlsCipher": _CIPHERS.get(cipher, cipher),
            "srtpCipher": _SRTP_PROFILES.get(profile, profile),
            "tlsVersion": f"{tls.get_protocol_version():04X}",
        }
        if remote is not None:
            self._remote = _certificate(remote)
            known["remoteCertificateId"] = self._remote[0]
        self._negotiated = {member: value for member, value in known.items() if value}


def _certificate(certificate: Certificate) -> tuple[str, dict[str, Value]]:
    fingerprint = certificate_digest(certificate, "sha-256")
    return f"CF{fingerprint}", {
        "type": "certificate",
        "fingerprint": fingerprint,
        "fingerprintAlgorithm": "sha-256",
        "base64Certificate": base64.b64encode(certificate.public_bytes(Encoding.DER)).decode(),
    }
