"""Candidates of one peer connection: own ones as they are found, theirs as they come."""

from collections import Counter, deque
from collections.abc import Callable, Iterable

from aioice.candidate import Candidate
from aiortc import RTCIceCandidate, RTCPeerConnection
from aiortc.sdp import candidate_from_sdp, candidate_to_sdp

from peerdeck.core.join import CandidateFilter, JoinOptions, PathPolicy
from peerdeck.engine.aiortc_adapter import GatheringRules, IceServers, PeerInternals
from peerdeck.engine.errors import NoCandidates
from peerdeck.engine.peer_diary import PeerDiary
from peerdeck.engine.tasks import TaskSet
from peerdeck.protocol.sdp import sections
from peerdeck.protocol.signaling import TrickledCandidate

MAX_EARLY = 256
_MAX_OWN = 64
# What aiortc raises at a candidate that it cannot read.
_UNUSABLE = (ValueError, AssertionError, LookupError, TypeError, AttributeError)


class Candidates:
    """`begin()` before gathering, `remote_is_set()` when theirs may be added, `add()` any time."""

    def __init__(
        self,
        connection: RTCPeerConnection,
        options: JoinOptions,
        diary: PeerDiary,
        tasks: TaskSet,
    ) -> None:
        self._connection = connection
        self._options = options
        self._diary = diary
        self._tasks = tasks
        self._own: list[str] = []
        self._held_back: Counter[str] = Counter()
        self._refused: Counter[str] = Counter()
        self._accepted = 0
        self._servers: list[str] = []
        self._early: deque[TrickledCandidate] | None = deque(maxlen=MAX_EARLY)
        self._mid = "0"
        self._complete = False
        self._told: Callable[[TrickledCandidate | None], None] = lambda _: None

    # -- own -------------------------------------------------------------------------------------

    def begin(
        self,
        internals: PeerInternals,
        servers: IceServers,
        rules: GatheringRules,
        told: Callable[[TrickledCandidate | None], None],
    ) -> None:
        """told: each that may be sent, then None."""
        self._told = told
        internals.accept_only(self._options.accept)
        internals.trickle(
            self._tasks, self._found, servers, rules, self._hold_back, self._server_answered
        )

    def own_so_far(self) -> tuple[str, ...]:
        return tuple(self._own)

    def check_gathered(self) -> None:
        """Raises NoCandidates where everything is in and that is nothing."""
        if self._complete and (problem := self.nothing_found()) is not None:
            raise problem

    def nothing_found(self) -> NoCandidates | None:
        """Which rule left nothing to offer; None where there is something."""
        if self._own:
            return None
        servers = "; ".join(self._servers)
        policy = self._options.policy
        if self._held_back:
            return NoCandidates("the send filter", f"it holds back {_counts(self._held_back)}")
        if policy is PathPolicy.RELAY:
            return NoCandidates(f"“{policy}”", servers or "there is no TURN server to ask")
        if self._options.send != CandidateFilter():
            return NoCandidates("the send filter", servers or "nothing that it allows was found")
        return NoCandidates("this machine's network", servers or "it has no address")

    def _found(self, candidate: RTCIceCandidate | None) -> None:
        if candidate is None:
            self._complete = True
            self._told(None)
            return
        text = candidate_to_sdp(candidate)
        if len(self._own) < _MAX_OWN:
            self._own.append(text)
            self._diary.tell("candidate", "icecandidate", text)
            self._told(TrickledCandidate(text, self._mid, 0))

    def _hold_back(self, candidate: RTCIceCandidate) -> None:
        self._held_back[candidate.type] += 1
        text = candidate_to_sdp(candidate)
        self._diary.tell("candidate", "candidate filtered", f"send filter: {text}", "warn")

    def _server_answered(self, uri: str, outcome: str, works: bool) -> None:
        if not works:
            self._servers.append(f"{uri}: {outcome}")
        self._diary.tell("ice-server", uri, outcome, "ok" if works else "warn")

    # -- theirs ----------------------------------------------------------------------------------

    def remote_is_set(self, sdp: str, theirs: Iterable[str], *, complete: bool) -> None:
        """theirs: those that stood in their SDP; early ones follow."""
        self._mid = _bundle_mid(sdp)
        early, self._early = self._early or deque(), None
        for candidate in [*(TrickledCandidate(text) for text in theirs), *early]:
            self.add(candidate)
        if complete:
            self.add(TrickledCandidate(""))

    def add(self, candidate: TrickledCandidate) -> None:
        if self._early is not None:
            self._early.append(candidate)
        else:
            # In order: only `.local` names, which take time, are overtaken.
            self._tasks.start("their-candidate", self._add(candidate))

    def nothing_accepted(self) -> NoCandidates | None:
        """The accept filter, where it let none of theirs through."""
        if self._accepted or not self._refused:
            return None
        return NoCandidates(
            "the accept filter", f"of the other end's it refuses {_counts(self._refused)}"
        )

    async def _add(self, candidate: TrickledCandidate) -> None:
        text = candidate.candidate
        try:
            if not text:
                self._diary.tell("candidate", "addIceCandidate", "end of candidates")
                await self._connection.addIceCandidate(None)
                return
            parsed = candidate_from_sdp(text)
            if parsed.component != 1:
                return  # RTCP of its own, which a bundled connection has not
            if not self._options.accept.allows(parsed.type, parsed.protocol, parsed.ip):
                self._refused[parsed.type] += 1
                shown = f"accept filter: {text}"
                self._diary.tell("candidate", "candidate filtered", shown, "warn")
                return
            # Bundled: whatever section it names, there is one transport, and aiortc would silently
            # drop a candidate of any section but the first.
            parsed.sdpMid = self._mid
            self._accepted += 1
            self._diary.tell("candidate", "addIceCandidate", text)
            await self._connection.addIceCandidate(parsed)
        except _UNUSABLE as error:
            shown = f"{text}: {error}"
            self._diary.tell("candidate", "addIceCandidateOnFailure", shown, "bad")


def kinds_text(candidates: Iterable[Candidate]) -> str:
    """ "2 host, 1 relay"; "none"."""
    return _counts(Counter(candidate.type for candidate in candidates)) or "none"


def _counts(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items()))


def _bundle_mid(sdp: str) -> str:
    """The section whose transport all share (RFC 8843 §7.2.1: the first of the group)."""
    session, media = sections(sdp)
    for line in session:
        if line.startswith("a=group:BUNDLE "):
            return line.split()[1]
    return media[0].mid if media else "0"
