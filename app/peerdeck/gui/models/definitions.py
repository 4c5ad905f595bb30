"""What a member of a stats object means and how it counts, also where nobody has defined it."""

import re
from typing import Final

from peerdeck.core.stats_definitions import definition_of

# The W3C's naming says it of members that a browser has of its own.
_COUNTERS: Final = re.compile(
    r"^(total|bytes|packets|frames|header|retransmitted|messages|requests|responses|consent|nack"
    r"|pli|fir|fec|key|huge|freeze|pause|qp|concealed|concealment|inserted|removed|samples|reports"
    r"|jitterBuffer(Delay|Emitted|Target|Minimum)|track\.)"
)
_GAUGES: Final = re.compile(r"PerSecond$")


def definition_words(kind: str, member: str) -> str:
    """ "packetsLost (packets, since the beginning)" and what it means, for a tooltip."""
    found = definition_of(kind, member)
    if not found.words:
        return f"{member}\nOf the browser's own; no definition is known."
    since = "since the beginning" if found.kind == "counter" else ""
    notes = ", ".join(part for part in (found.unit, since) if part)
    return f"{member}{f' ({notes})' if notes else ''}\n{found.words}"


def is_counter(kind: str, member: str) -> bool:
    """Whether a member only grows, so that its growth per second is what one looks at."""
    found = definition_of(kind, member)
    if found.words:
        return found.kind == "counter"
    return bool(_COUNTERS.match(member)) and not _GAUGES.search(member)


def unit_word(kind: str, member: str) -> str:
    """ "bytes", "s", "packets" …, "" where it has none."""
    found = definition_of(kind, member)
    if found.words:
        return found.unit
    return "bytes" if member.startswith(("bytes", "headerBytes")) else ""
