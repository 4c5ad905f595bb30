"""What a member of a stats object means, and how it counts."""

import re
from importlib import import_module
from typing import Any, Final

# Where no definition says so, the W3C's naming does.
_COUNTERS: Final = re.compile(
    r"^(total|bytes|packets|frames|header|retransmitted|messages|requests|responses|consent|nack"
    r"|pli|fir|fec|key|huge|freeze|pause|qp|jitterBuffer(Delay|EmittedCount|TargetDelay|Minimum)"
    r"|concealed|concealment|silentConcealed|inserted|removed|corruption|selectedCandidatePairCh"
    r"|dataChannels|samples|estimatedPlayout|roundTripTimeMeasurements|reports)"
)
_GAUGES: Final = re.compile(r"^(framesPerSecond|keepalive|packetizationMode|keyFrameInterval)")


def _definition(kind: str, member: str) -> Any:
    try:
        found = import_module("peerdeck.core.stats_definitions").definition_of(kind, member)
    except ImportError:
        return None
    return found


def definition_words(kind: str, member: str) -> str:
    """ "packetsLost (packets, total): …" for a tooltip."""
    found = _definition(kind, member)
    if found is None:
        return f"{member}\nNo definition is known for it."
    how = "total, since the beginning" if found.kind == "counter" else ""
    notes = ", ".join(part for part in (found.unit, how) if part)
    return f"{member}{f' ({notes})' if notes else ''}\n{found.words}"


def is_counter(kind: str, member: str) -> bool:
    """Whether a member only grows, so that its growth per second is what one looks at."""
    found = _definition(kind, member)
    if found is not None:
        return bool(found.kind == "counter")
    return bool(_COUNTERS.match(member)) and not _GAUGES.match(member)


def unit_word(kind: str, member: str) -> str:
    """ "bytes", "s", "packets" …, "" where it has none."""
    found = _definition(kind, member)
    if found is not None:
        return str(found.unit)
    return "bytes" if member.startswith(("bytes", "headerBytes")) else ""
