"""The phases of a session in a word and a tone."""

from typing import Final

from peerdeck.core.channel import Role
from peerdeck.core.join import Source
from peerdeck.core.session import OWN_PICTURE, Phase, Session

PHASES: Final = {
    Phase.JOINING: ("Joining…", "info"),
    Phase.CONNECTED: ("Connected", "ok"),
    Phase.REBUILDING: ("Joining again…", "warn"),
    Phase.LEAVING: ("Leaving…", "muted"),
    Phase.LEFT: ("Left", "muted"),
    Phase.FAILED: ("Failed", "bad"),
}
OVER: Final = frozenset({Phase.LEFT, Phase.FAILED})


def has_picture(session: Session) -> bool:
    """Whether frames came; a channel without video is watched by its data channel. A master sees
    what it sends from the moment it is there."""
    options = session.options
    if options.role is Role.MASTER and options.video is not Source.NONE:
        return session.phase is not Phase.JOINING
    return any(step.name == "First frame" for step in session.steps) or any(
        peer.has_picture for peer in session.peers
    )


def whose_picture(session: Session) -> str:
    """Whom to ask for a picture of the session: a master for its own."""
    return OWN_PICTURE if session.options.role is Role.MASTER else ""
