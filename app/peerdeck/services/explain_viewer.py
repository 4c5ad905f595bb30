"""Why a viewer of our master has none of its picture (any more), in plain words."""

from peerdeck.core.errors import UserError
from peerdeck.engine.errors import (
    AnswerNotDelivered,
    AnswerUnusable,
    PeerError,
    PeerFailed,
    PeerFailure,
    TooManyViewers,
)
from peerdeck.services.explain_peer import explain_peer

_FAILURES = {
    PeerFailure.NO_PATH: (
        "No network path to the viewer was found",
        "Test the ICE servers of the channel; where they work here, the viewer's firewall blocks.",
    ),
    PeerFailure.NO_DTLS: (
        "A path to the viewer was found, but no encrypted connection came up over it",
        "It may try again; if it stays so, the path loses packets or the viewer is too slow.",
    ),
    PeerFailure.LOST: (
        "The connection to the viewer was lost",
        "The viewer or the network in between is gone; it has to join again.",
    ),
    PeerFailure.CLOSED: ("The viewer was not served", "It has to join again."),
}


def explain_viewer(error: PeerError, channel: str) -> UserError:
    """`channel` is the channel's name."""
    match error:
        case PeerFailed():
            title, remedy = _FAILURES[error.reason]
            return UserError(f"{title}.", remedy, detail=error.detail)
        case AnswerUnusable():
            return UserError(
                "The viewer's offer cannot be answered.",
                "Viewer and console have no codec in common, or its SDP is broken: "
                "VP8, or H.264 Constrained Baseline, and Opus or G.711 work here.",
                detail=str(error),
            )
        case AnswerNotDelivered():
            return UserError(
                "The answer did not reach the viewer.",
                "The viewer may have left meanwhile; the service's own words are below.",
                detail=error.why,
            )
        case TooManyViewers():
            return UserError(
                f"{error.limit} viewers are being served already.",
                "A channel takes ten at once, unless AWS has raised that quota. "
                "The viewer may try again when another one has left.",
            )
    return explain_peer(error, channel)
