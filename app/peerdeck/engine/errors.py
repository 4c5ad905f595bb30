"""Why a peer session ended that should not have."""

from enum import StrEnum


class PeerError(Exception):
    """Base of everything that a session raises by itself; the texts hold no secrets."""


class NoAnswer(PeerError):
    """The offer was sent, no answer came back within waited_s seconds.

    Without a status: the channel most likely has no master. With one: the service refused the
    offer, and status_code, error_type and description are its own words.
    """

    def __init__(
        self, waited_s: float, *, status_code: str = "", error_type: str = "", description: str = ""
    ) -> None:
        words = " ".join(filter(None, (status_code, error_type, description)))
        super().__init__(words or f"no answer within {waited_s:.0f} s: the channel has no master")
        self.waited_s = waited_s
        self.status_code = status_code
        self.error_type = error_type
        self.description = description


class OfferTooLarge(PeerError):
    """The offer breaks the signaling service's payload limit. Characters after base64."""

    def __init__(self, size: int, limit: int) -> None:
        super().__init__(f"the offer has {size} characters, signaling carries {limit}")
        self.size = size
        self.limit = limit


class AnswerUnusable(PeerError):
    """The master's answer cannot be applied: broken SDP, or no codec in common."""


class PeerFailure(StrEnum):
    NO_PATH = "no path"  # ICE found no pair of addresses that works
    NO_DTLS = "no DTLS"  # a path, but no key exchange over it
    LOST = "lost"  # was connected, then nothing came any more
    CLOSED = "closed"  # the master ended the session


class PeerFailed(PeerError):
    """The connection to the master could not be made, or ended. detail: the evidence, in words."""

    def __init__(self, reason: PeerFailure, detail: str = "") -> None:
        super().__init__(f"{reason.value}: {detail}" if detail else reason.value)
        self.reason = reason
        self.detail = detail


class NoCandidates(PeerError):
    """Nothing could be offered, or nothing of theirs used. rule: which one left none, in words."""

    def __init__(self, rule: str, detail: str = "") -> None:
        super().__init__(f"{rule}: {detail}" if detail else rule)
        self.rule = rule
        self.detail = detail


class TurnUriUnusable(PeerError):
    """The TURN URI that was asked for cannot be used from here; why: in words."""

    def __init__(self, uri: str, why: str) -> None:
        super().__init__(f"{uri}: {why}")
        self.uri = uri
        self.why = why


class ChannelNotOpen(PeerError):
    """A text was to be sent before the data channel opened or after it closed."""


class MediaUnusable(PeerError):
    """A file or device that was to be sent cannot be. where: its path or name; why: in words."""

    def __init__(self, where: str, why: str) -> None:
        super().__init__(f"{where}: {why}")
        self.where = where
        self.why = why


class ThrownOut(PeerError):
    """Another master has connected to the channel: the newest wins. reason: the service's words."""

    def __init__(self, reason: str = "") -> None:
        super().__init__(reason or "another master has connected to the channel")
        self.reason = reason


class AnswerNotDelivered(PeerError):
    """Our answer did not reach the viewer: too large, or refused by the service. why: in words."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class TooManyViewers(PeerError):
    """An offer was left unanswered: `limit` viewers are being served."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"{limit} viewers are being served, which is the limit")
        self.limit = limit
