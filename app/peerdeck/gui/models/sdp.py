"""Session descriptions by section, and what changed between two of them (RFC 8866)."""

import re
from collections.abc import MutableSequence, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import StrEnum
from typing import Any, Final

from PySide6.QtCore import QAbstractItemModel, QModelIndex, QObject, Qt

from peerdeck.core.peer_log import Description, appended
from peerdeck.gui.models.events import moment_text, since_text
from peerdeck.gui.models.rows import Column, Index, plain_tip
from peerdeck.gui.theme import theme

LINE_ROLE: Final = int(Qt.ItemDataRole.UserRole) + 1
_TOKENS: Final = re.compile(r"([a-z]=)([A-Za-z0-9-]+(?=[: ]|$))?(.*)", re.DOTALL)


class Look(StrEnum):
    """What is shown of a description."""

    BEFORE = "Before"
    AFTER = "After"
    DIFFERENCE = "Difference"


@dataclass(frozen=True, slots=True)
class Line:
    """mark: "+" was added, "−" was taken out, "" stayed."""

    text: str
    mark: str = ""

    @property
    def tokens(self) -> tuple[tuple[str, str], ...]:
        """(text, theme token): the type muted, the name of an attribute tinted, the value plain."""
        match = _TOKENS.fullmatch(self.text)
        if match is None:
            return ((self.text, "text"),)
        kind, name, rest = match[1], match[2] or "", match[3]
        tone = "accent" if kind == "m=" else "info" if kind == "a=" else "text"
        parts = ((kind, "muted"), (name, tone), (rest, "text"))
        return tuple(part for part in parts if part[0])


@dataclass(frozen=True, slots=True)
class Section:
    """The lines of the session, or of one m-line and what follows it."""

    title: str
    lines: tuple[Line, ...]

    @property
    def added(self) -> int:
        return sum(line.mark == "+" for line in self.lines)

    @property
    def removed(self) -> int:
        return sum(line.mark == "−" for line in self.lines)

    @property
    def text(self) -> str:
        changes = f"   +{self.added} −{self.removed}" if self.added or self.removed else ""
        return f"{self.title}   ({len(self.lines)} lines){changes}"


def sections(lines: Sequence[Line]) -> list[Section]:
    """By m-line; what stands before the first belongs to the session. An m-line that was replaced
    begins one section, not two."""
    groups: list[list[Line]] = [[]]
    for line in lines:
        starts = line.text.startswith("m=")
        replaces = len(groups[-1]) == 1 and groups[-1][0].mark == "−" and line.mark == "+"
        if starts and not (replaces and groups[-1][0].text.startswith("m=")):
            groups.append([])
        groups[-1].append(line)
    return [Section(_title(group), tuple(group)) for group in groups if group]


def _title(lines: Sequence[Line]) -> str:
    """ "video · mid 1 · recvonly · VP8, H264"."""
    texts = [line.text for line in lines if line.mark != "−"] or [line.text for line in lines]
    if not lines[0].text.startswith("m="):
        return "Session"
    media = next((t for t in texts if t.startswith("m=")), lines[0].text)
    kind = media[2:].partition(" ")[0]
    mid = next((t[6:] for t in texts if t.startswith("a=mid:")), "")
    ways = {"a=sendrecv", "a=sendonly", "a=recvonly", "a=inactive"}
    way = next((t[2:] for t in texts if t in ways), "")
    codecs = [t.partition(" ")[2].partition("/")[0] for t in texts if t.startswith("a=rtpmap:")]
    shown = ", ".join(dict.fromkeys(c for c in codecs if c.lower() not in {"rtx", "red", "ulpfec"}))
    return " · ".join(part for part in (kind, f"mid {mid}" if mid else "", way, shown) if part)


def plain(sdp: str) -> list[Line]:
    return [Line(text) for text in sdp.splitlines()]


def difference(before: str, after: str) -> list[Line]:
    """Line by line, what was taken out before what was put in."""
    old, new = before.splitlines(), after.splitlines()
    found: list[Line] = []
    for what, a, b, c, d in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if what == "equal":
            found += [Line(text) for text in old[a:b]]
        else:
            found += [Line(text, "−") for text in old[a:b]]
            found += [Line(text, "+") for text in new[c:d]]
    return found


def looked_at(description: Description, look: Look) -> list[Section]:
    before = description.before or description.sdp
    if look is Look.DIFFERENCE:
        return sections(difference(before, description.sdp))
    return sections(plain(before if look is Look.BEFORE else description.sdp))


def sections_text(found: Sequence[Section]) -> str:
    """As it would be sent, or as a patch where lines have marks."""
    lines = [line for section in found for line in section.lines]
    if not any(line.mark for line in lines):
        return "".join(f"{line.text}\r\n" for line in lines)
    marks = {"": " ", "−": "-"}
    return "".join(f"{marks.get(line.mark, line.mark)}{line.text}\n" for line in lines)


class SdpModel(QAbstractItemModel):
    """Sections with their lines."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.sections: list[Section] = []

    def set_sections(self, found: Sequence[Section]) -> None:
        self.beginResetModel()
        self.sections = list(found)
        self.endResetModel()

    def line(self, index: Index) -> Line | None:
        """None for a section."""
        place = index.internalId() if index.isValid() else 0
        return self.sections[place - 1].lines[index.row()] if place else None

    def index(self, row: int, column: int, parent: Index = QModelIndex()) -> QModelIndex:  # noqa: B008 - Qt's own default
        if column != 0 or row < 0:
            return QModelIndex()
        if not parent.isValid():
            return self.createIndex(row, 0, 0) if row < len(self.sections) else QModelIndex()
        if parent.internalId() or row >= len(self.sections[parent.row()].lines):
            return QModelIndex()
        # A line knows the number of its section, counted from 1; a section has 0.
        return self.createIndex(row, 0, parent.row() + 1)

    def parent(self, child: Index = QModelIndex()) -> Any:  # noqa: B008 - Qt's own default
        place = child.internalId() if child.isValid() else 0
        return self.createIndex(place - 1, 0, 0) if place else QModelIndex()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own default
        if not parent.isValid():
            return len(self.sections)
        if parent.internalId() or parent.column() > 0:
            return 0
        return len(self.sections[parent.row()].lines)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own default
        return 1

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        line = self.line(index)
        if role == LINE_ROLE:
            return line
        if role == Qt.ItemDataRole.FontRole:
            return theme().font("strong" if line is None else "mono")
        if role == Qt.ItemDataRole.DisplayRole:
            if line is None:
                return self.sections[index.row()].text
            return f"{line.mark} {line.text}" if line.mark else line.text
        if role == Qt.ItemDataRole.ToolTipRole and line is not None:
            said = {"+": "Added", "−": "Taken out"}.get(line.mark, "")
            return plain_tip(f"{said}: {line.text}" if said else line.text)
        return None


@dataclass(frozen=True, slots=True)
class DescriptionRow:
    """negotiation: which of the session, counted from 1: an offer begins one."""

    number: int
    negotiation: int
    description: Description
    since_s: float

    @property
    def changes(self) -> tuple[int, int]:
        """Lines added and taken out between before and after."""
        one = self.description
        if not one.before or one.before == one.sdp:
            return 0, 0
        marks = [line.mark for line in difference(one.before, one.sdp)]
        return marks.count("+"), marks.count("−")


def description_rows(
    found: MutableSequence[Description], started_at: float, until_s: float | None
) -> list[DescriptionRow]:
    first, negotiation = appended(found) - len(found), 0
    rows = []
    for place, one in enumerate(found):
        negotiation += one.type == "offer" or negotiation == 0
        if until_s is None or one.at_s <= until_s:
            rows.append(DescriptionRow(first + place, negotiation, one, one.at_s - started_at))
    return rows


def _changes_text(row: DescriptionRow) -> str:
    added, removed = row.changes
    return f"+{added} −{removed}" if added or removed else "as it was"


DESCRIPTION_COLUMNS: Final[tuple[Column[DescriptionRow], ...]] = (
    Column("No.", lambda row: str(row.negotiation), align="right", font="figures", width=40),
    Column(
        "Description",
        lambda row: f"{row.description.side} {row.description.type}",
        icon=lambda row: (
            ("upload", "info") if row.description.side == "local" else ("download", "accent")
        ),
        width=0,
    ),
    Column(
        "After",
        lambda row: since_text(row.since_s),
        tooltip=lambda row: moment_text(row.description.at_s),
        align="right",
        font="figures",
        width=76,
    ),
    Column(
        "Changed",
        _changes_text,
        tooltip=lambda row: (
            "Lines added and taken out between creation and sending"
            if row.description.side == "local"
            else "Lines added and taken out between arrival and use"
        ),
        tone=lambda row: "" if any(row.changes) else "muted",
        font="figures",
        width=84,
    ),
)
