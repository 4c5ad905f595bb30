"""The steps from click to first frame as rows."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from peerdeck.core.quantities import milliseconds_text
from peerdeck.core.session import STEPS, Step
from peerdeck.gui.models.rows import Column

TIME_LINE: Final = "Time line"
_BEGUN: Final = {"DTLS connected", "Data channel open", "First frame"}
_SLOW_MS = 1000  # the slowest step is marked once it alone takes this long


@dataclass(frozen=True, slots=True)
class StepRow:
    """reached: whether it happened. start, end: shares 0–1 of the whole, from the step before to
    this one. waiting: the one that is awaited now. slow: the one to look at."""

    name: str
    reached: bool = False
    at_ms: float = 0.0
    took_ms: float = 0.0
    start: float = 0.0
    end: float = 0.0
    detail: str = ""
    waiting: bool = False
    slow: bool = False


def step_rows(steps: Sequence[Step], *, joining: bool, failed: bool = False) -> list[StepRow]:
    """Reached steps in order of time, then the usual ones that are still to come.

    joining: the first of those is awaited. failed: it is the one that never came.
    """
    reached = sorted(steps, key=lambda step: step.at_ms)
    whole = max((step.at_ms for step in reached), default=0.0) or 1.0
    took = [
        b - a
        for a, b in zip(
            [0.0, *(s.at_ms for s in reached)], (s.at_ms for s in reached), strict=False
        )
    ]
    slowest = max(took, default=0.0)
    rows = [
        StepRow(
            step.name,
            reached=True,
            at_ms=step.at_ms,
            took_ms=ms,
            start=(step.at_ms - ms) / whole,
            end=step.at_ms / whole,
            detail=step.detail,
            slow=ms == slowest and ms >= _SLOW_MS,
        )
        for step, ms in zip(reached, took, strict=True)
    ]
    names = {step.name for step in reached}
    missing = [name for name in STEPS if name not in names]
    for place, name in enumerate(missing):
        first = place == 0
        rows.append(StepRow(name, waiting=first and joining, slow=first and failed))
    return rows


def join_rows(steps: Sequence[Step], until_ms: float = 0.0) -> list[StepRow]:
    """Reached steps; after them the one that lacks, where media never began.

    until_ms: of the last thing that is known, since the click: how long that step is awaited.
    """
    rows = step_rows(steps, joining=True)
    reached = [row for row in rows if row.reached]
    awaited = next((row for row in rows if row.waiting), None)
    last = reached[-1].at_ms if reached else 0.0
    begun = any(row.name in _BEGUN for row in reached)
    if begun or awaited is None or until_ms <= last:
        return reached
    scaled = [
        replace(row, start=(row.at_ms - row.took_ms) / until_ms, end=row.at_ms / until_ms)
        for row in reached
    ]
    waits = replace(
        awaited, at_ms=until_ms, took_ms=until_ms - last, start=last / until_ms, end=1.0
    )
    return [*scaled, waits]


def _icon(row: StepRow) -> tuple[str, str]:
    if row.reached:
        return ("check", "warn" if row.slow else "ok")
    if row.slow:
        return ("error", "bad")
    return ("half", "info") if row.waiting else ("ring", "faint")


def _took(row: StepRow) -> str:
    if row.reached:
        return f"+{milliseconds_text(row.took_ms)}"
    if row.slow:
        return "never came"
    return "waiting…" if row.waiting else ""


def _detail(row: StepRow) -> str:
    return row.detail


STEP: Final[Column[StepRow]] = Column(
    "Step",
    lambda row: row.name,
    icon=_icon,
    tone=lambda row: "" if row.reached or row.waiting or row.slow else "muted",
    width=190,
)
TOOK: Final[Column[StepRow]] = Column(
    "Took",
    _took,
    align="right",
    font="figures",
    width=92,
    tone=lambda row: "warn" if row.slow and row.reached else "bad" if row.slow else "",
    tooltip=lambda row: "Since the step before" if row.reached else "",
)
AT: Final[Column[StepRow]] = Column(
    "After",
    lambda row: milliseconds_text(row.at_ms) if row.reached else "–",
    align="right",
    font="figures",
    tone=lambda row: "muted",
    width=76,
    tooltip=lambda row: "Since the click" if row.reached else "",
)
LINE: Final[Column[StepRow]] = Column(TIME_LINE, lambda row: "", width=0)
DETAIL: Final[Column[StepRow]] = Column(
    "Detail",
    _detail,
    font="mono",
    tone=lambda row: "muted",
    elide="middle",
    tooltip=_detail,
    width=0,
)
