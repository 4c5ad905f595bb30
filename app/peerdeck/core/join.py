"""How a session joins its channel: everything that can be chosen."""

from dataclasses import dataclass
from enum import StrEnum

from peerdeck.core.channel import CLIENT_ID, Role
from peerdeck.core.endpoints import check_endpoint
from peerdeck.core.errors import FieldError
from peerdeck.core.ice import IceUri

VIDEO_CODECS = ("VP8", "H264")
AUDIO_CODECS = ("opus", "PCMU", "PCMA", "G722")
KINDS = frozenset(
    {"host", "srflx", "relay"}
)  # a filter treats prflx, which is never sent, as srflx
PROTOCOLS = frozenset({"udp", "tcp"})
FAMILIES = frozenset({"IPv4", "IPv6"})


class PathPolicy(StrEnum):
    """Which candidates the session gathers. STUN: host and reflexive; HOST: no server at all."""

    ALL = "all"
    RELAY = "relay only"
    STUN = "STUN only"
    HOST = "host only"


class Source(StrEnum):
    """What is sent. GENERATED: a moving picture with a clock, a tone with pauses."""

    NONE = "nothing"
    GENERATED = "generated"
    FILE = "file"
    DEVICE = "device"


@dataclass(frozen=True, slots=True)
class CandidateFilter:
    """What may pass. kinds of KINDS; protocols of PROTOCOLS; families of FAMILIES.

    The protocol of a relayed candidate is how its TURN server is reached, where that is known.
    """

    kinds: frozenset[str] = KINDS
    protocols: frozenset[str] = PROTOCOLS
    families: frozenset[str] = FAMILIES

    def allows(self, kind: str, protocol: str, address: str) -> bool:
        family = "IPv6" if ":" in address else "IPv4"
        kind = "srflx" if kind == "prflx" else kind
        return kind in self.kinds and protocol.lower() in self.protocols and family in self.families

    def check(self, field: str) -> None:
        """Raises FieldError where nothing could pass, or a word is unknown."""
        for words, known in (
            (self.kinds, KINDS),
            (self.protocols, PROTOCOLS),
            (self.families, FAMILIES),
        ):
            if not words or not words <= known:
                shown = ", ".join(sorted(words))
                raise FieldError(field, shown, f"needs some of {', '.join(sorted(known))}.")


@dataclass(frozen=True, slots=True)
class JoinOptions:
    """client_id: "" for a random one. video, audio: what is sent; video_file, audio_file: paths for
    Source.FILE, device names for Source.DEVICE ("" is the first). ice_uri: a TURN URI that is used
    instead of the best one, "" for that. video_codec, audio_codec: put first in our SDP, "" for
    no wish. endpoint: instead of the region's control-plane endpoint. sample_s: seconds between
    two statistics reports, 0.1 to 10.
    """

    role: Role = Role.VIEWER
    client_id: str = ""
    receive_video: bool = True
    receive_audio: bool = True
    data_channel: bool = True
    video: Source = Source.NONE
    audio: Source = Source.NONE
    video_source: str = ""
    audio_source: str = ""
    policy: PathPolicy = PathPolicy.ALL
    send: CandidateFilter = CandidateFilter()
    accept: CandidateFilter = CandidateFilter()
    video_codec: str = ""
    audio_codec: str = ""
    trickle: bool = True
    ice_uri: str = ""
    endpoint: str = ""
    dual_stack: bool = False
    fips: bool = False
    sample_s: float = 1.0

    def check(self) -> "JoinOptions":
        """Returns itself, or raises the first FieldError."""
        CLIENT_ID.check(self.client_id)
        if self.role is Role.MASTER and self.client_id:
            raise FieldError("Client ID", self.client_id, "belongs to viewers; a master has none.")
        self._check_media()
        self.send.check("Send filter")
        self.accept.check("Accept filter")
        if self.ice_uri and not IceUri.parse(self.ice_uri).is_turn:
            raise FieldError("TURN URI", self.ice_uri, "must begin with turn: or turns:.")
        if self.ice_uri and self.policy in {PathPolicy.STUN, PathPolicy.HOST}:
            raise FieldError("TURN URI", self.ice_uri, f"is not used with “{self.policy}”.")
        if self.endpoint:
            check_endpoint("kinesis_video", self.endpoint)
        if not 0.1 <= self.sample_s <= 10:
            raise FieldError("Sampling interval", f"{self.sample_s:g} s", "must be 0.1 to 10 s.")
        return self

    def _check_media(self) -> None:
        for field, source, where in (
            ("Video", self.video, self.video_source),
            ("Audio", self.audio, self.audio_source),
        ):
            if source is Source.FILE and not where:
                raise FieldError(f"{field} file", where, "is required.")
        for field, codec, known in (
            ("Video codec", self.video_codec, VIDEO_CODECS),
            ("Audio codec", self.audio_codec, AUDIO_CODECS),
        ):
            if codec and codec not in known:
                raise FieldError(field, codec, f"must be one of {', '.join(known)}.")
        sends = self.video is not Source.NONE or self.audio is not Source.NONE
        if not (sends or self.receive_video or self.receive_audio or self.data_channel):
            raise FieldError("Media", "nothing", "choose something to send or to receive.")
