"""What sessions are called: by their channel, and numbered where several are of one."""

from collections.abc import Sequence

from peerdeck.core.channel import Role
from peerdeck.core.session import Session


class SessionTitles:
    """A title stays with its session, also when another one of its channel goes."""

    def __init__(self) -> None:
        self._given: dict[str, tuple[str, int]] = {}  # by session id: name, number

    def name(self, sessions: Sequence[Session]) -> dict[str, str]:
        """Titles by session id: "front-door", "front-door 2", "gate · master"."""
        ids = {session.id for session in sessions}
        self._given = {key: given for key, given in self._given.items() if key in ids}
        for session in sessions:
            if session.id not in self._given:
                name = _name(session)
                taken = {number for other, number in self._given.values() if other == name}
                free = next(n for n in range(1, len(taken) + 2) if n not in taken)
                self._given[session.id] = (name, free)
        return {key: f"{name} {n}" if n > 1 else name for key, (name, n) in self._given.items()}


def _name(session: Session) -> str:
    master = session.options.role is Role.MASTER
    return f"{session.channel} · master" if master else session.channel
