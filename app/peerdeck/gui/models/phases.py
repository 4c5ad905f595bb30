"""The phases of a session in a word and a tone."""

from typing import Final

from peerdeck.core.session import Phase, Session

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
    """Whether frames came; a channel without video is watched by its data channel."""
    return any(step.name == "First frame" for step in session.steps) or any(
        peer.has_picture for peer in session.peers
    )
