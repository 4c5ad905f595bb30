"""Why a session could not be, in plain words, with what to do next."""

import json

from peerdeck.core.errors import UserError
from peerdeck.engine.errors import (
    AnswerUnusable,
    ChannelNotOpen,
    MediaUnusable,
    NoAnswer,
    NoCandidates,
    OfferTooLarge,
    PeerError,
    PeerFailed,
    PeerFailure,
    ThrownOut,
    TurnUriUnusable,
)
from peerdeck.engine.signaling import SignalingRefused, SignalingUnreachable

EXPLAINED = (PeerError, SignalingRefused, SignalingUnreachable)

_FAILURES = {
    PeerFailure.NO_PATH: (
        "No network path to the camera was found",
        "Test the ICE servers of the channel: where none works, a firewall blocks UDP and TURN.",
    ),
    PeerFailure.NO_DTLS: (
        "A path was found, but the encrypted connection did not come up over it",
        "Join again; if it stays so, the path loses packets or the device is too slow.",
    ),
    PeerFailure.LOST: (
        "The connection to the camera was lost",
        "The camera or the network in between is gone. Join again.",
    ),
    PeerFailure.CLOSED: ("The camera has ended the session", "Join again when it is back."),
}


def explain_peer(error: Exception, channel: str) -> UserError:
    """`error` is one of EXPLAINED; `channel` is the channel's name."""
    match error:
        case SignalingRefused():
            return _refused(error, channel)
        case SignalingUnreachable():
            return UserError(
                f"The signaling service of {channel} cannot be reached.",
                "Check the network and the proxy, then join again.",
                detail=str(error),
            )
        case NoAnswer() if error.description or error.status_code:
            return UserError(
                f"The signaling service could not deliver the offer to {channel}.",
                "See whether its camera (the master) is online, then join again.",
                detail=str(error),
            )
        case NoAnswer():
            return UserError(
                f"No camera answered on {channel} within {error.waited_s:.0f} s.",
                "The channel has no master now: switch the camera on, or check that it uses this "
                "channel in this region, then join again.",
            )
        case OfferTooLarge():
            return UserError(
                "The offer is too large for the signaling service.",
                f"It has {error.size} characters where {error.limit} are allowed: "
                "join with fewer codecs or without audio.",
            )
        case PeerFailed():
            title, remedy = _FAILURES[error.reason]
            return UserError(f"{title}.", remedy, detail=error.detail)
        case AnswerUnusable():
            return UserError(
                "The camera's answer cannot be used.",
                "Console and camera have no codec in common, or its SDP is broken: "
                "VP8, or H.264 Constrained Baseline, and Opus or G.711 work here.",
                detail=str(error),
            )
    return _chosen_wrongly(error)


def _chosen_wrongly(error: Exception) -> UserError:
    """What the join options, or the moment, do not allow."""
    match error:
        case NoCandidates():
            return UserError(
                f"No candidate is left: {error.rule} allows none of those there are.",
                "Loosen that choice in the join options, or test the channel's ICE servers.",
                detail=error.detail,
            )
        case TurnUriUnusable():
            return UserError(
                f"The TURN URI cannot be used: {error.why}.",
                "Choose another URI of the channel's ICE configuration, or none.",
                detail=error.uri,
            )
        case ThrownOut():
            return UserError(
                "Another master has joined the channel, and the newest one wins.",
                "Leave the channel to it, or join again to take it back: a channel has one master.",
                detail=error.reason,
            )
        case MediaUnusable():
            return UserError(
                f"What was to be sent cannot be: {error.why}.",
                "Choose another file or device in the join options.",
                detail=error.where,
            )
        case ChannelNotOpen():
            return UserError("The data channel is not open.", "Wait until it is, then send again.")
    return UserError("The session failed.", "Join again.", detail=str(error))


def _refused(error: SignalingRefused, channel: str) -> UserError:
    detail = f"HTTP {error.status} {_body_text(error.body)}".strip()
    title = f"The signaling service refused the connection to {channel}"
    if "ClientLimitExceeded" in detail:
        return UserError(
            f"{title}: too many viewers.",
            "A channel takes ten viewers at once, and three new connections a second. "
            "Wait a moment, or leave other sessions.",
            detail=detail,
        )
    if error.status == 404:
        return UserError(
            f"{title}: there is no such channel.",
            "It may have been deleted, or it lives in another region. Refresh the channels.",
            detail=detail,
        )
    if error.status in {401, 403}:
        return UserError(
            f"{title}: access denied.",
            "The credentials have expired, lack kinesisvideo:ConnectAsViewer (a master needs "
            "ConnectAsMaster), or this machine's clock is wrong.",
            detail=detail,
        )
    if error.status >= 500:
        return UserError(
            f"{title}: it has a fault of its own.", "Join again in a minute.", detail=detail
        )
    return UserError(f"{title}.", "The service's own words are below.", detail=detail)


def _body_text(body: str) -> str:
    """The message inside a JSON body, else the body."""
    try:
        values = json.loads(body)
    except ValueError:
        return body[:300]
    if not isinstance(values, dict):
        return body[:300]
    code = values.get("__type") or values.get("code") or ""
    message = values.get("message") or values.get("Message") or ""
    return f"{code}: {message}".strip(": ") or body[:300]
