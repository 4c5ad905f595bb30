"""What OpenTunnel takes, checked while one types; a refusal loses nothing."""

import re
from collections.abc import Callable
from typing import Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from peerdeck.core.errors import FieldError, UserError
from peerdeck.core.tunnel import DESCRIPTION, MAX_LIFETIME_MIN, THING_NAME, TunnelRequest
from peerdeck.gui.theme import GAP_L, GAP_M, GAP_S
from peerdeck.gui.widgets.buttons import Button
from peerdeck.gui.widgets.cards import scrolled
from peerdeck.gui.widgets.fields import FormField, first_problem
from peerdeck.gui.widgets.labels import hairline, label
from peerdeck.gui.widgets.notes import InlineNote

_SPLIT: Final = re.compile(r"\s*,\s*")


def parse_services(text: str) -> tuple[str, ...]:
    """ "SSH, HTTP" → its names; empty places between commas are no names."""
    return tuple(name for name in _SPLIT.split(text.strip()) if name)


def parse_tags(text: str) -> dict[str, str]:
    """ "site=Porto, team=field" → tags. Raises FieldError for a part without "=" or a key twice.

    A key ends at its first "=", a value at the comma.
    """
    tags: dict[str, str] = {}
    for part in filter(None, _SPLIT.split(text.strip())):
        key, equals, value = part.partition("=")
        if not equals:
            raise FieldError("Tag", part, "must look like key=value.")
        if key.strip() in tags:
            raise FieldError("Tag key", key.strip(), "may be used once.")
        tags[key.strip()] = value.strip()
    return tags


def parse_minutes(text: str) -> int:
    """Raises FieldError for anything but 1 to 720."""
    rule = f"must be 1 to {MAX_LIFETIME_MIN} minutes."
    if not text.strip().isdecimal() or not 1 <= int(text) <= MAX_LIFETIME_MIN:
        raise FieldError("Lifetime", text, rule)
    return int(text)


class TunnelForm(QFrame):
    """submitted(TunnelRequest): it is valid and the user wants it. cancelled(): back, the draft
    stays. All text stays until `clear`, so a refusal costs nothing."""

    submitted = Signal(object)
    cancelled = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("tunnels.form")
        self.setProperty("role", "panel")
        self.note = InlineNote()
        self.note.setObjectName("tunnels.form.note")
        self.thing = FormField(
            "Thing",
            lambda text: self._rule(lambda: THING_NAME.check(text)),
            hint="The device, as AWS IoT knows it. Its agent must listen for tunnel notifications.",
            placeholder="pump-07",
        )
        self.services = FormField(
            "Services",
            self._services_problem,
            hint="Up to 3, separated by commas, named as the device knows them.",
            placeholder="SSH, HTTP",
        )
        self.description = FormField(
            "Description",
            lambda text: self._rule(lambda: DESCRIPTION.check(text)),
            hint="What it is for; everyone who lists tunnels sees it.",
        )
        self.tags = FormField(
            "Tags",
            lambda text: self._rule(lambda: TunnelRequest(tags=parse_tags(text)).check()),
            hint="key=value, separated by commas.",
            placeholder="site=Porto, team=field",
        )
        self.lifetime = FormField(
            "Lifetime in minutes",
            lambda text: self._rule(lambda: parse_minutes(text)),
            hint=f"1 to {MAX_LIFETIME_MIN} (12 hours). It cannot be prolonged.",
            text=str(MAX_LIFETIME_MIN),
        )
        self.fields = {
            "thing": self.thing,
            "services": self.services,
            "description": self.description,
            "tags": self.tags,
            "lifetime": self.lifetime,
        }
        self.submit = Button("Open tunnel", "primary")
        self.submit.setObjectName("tunnels.form.submit")
        self.cancel = Button("Cancel", "quiet")
        self.cancel.setObjectName("tunnels.form.cancel")
        self._lay_out()
        for name, field in self.fields.items():
            field.edit.setObjectName(f"tunnels.form.{name}")
            field.submitted.connect(self._submit)
        self.submit.clicked.connect(self._submit)
        self.cancel.clicked.connect(self.cancelled)

    def _lay_out(self) -> None:
        inner = QWidget()
        column = QVBoxLayout(inner)
        column.setContentsMargins(GAP_L, GAP_M, GAP_L, GAP_L)
        column.setSpacing(GAP_S)
        column.addWidget(label("Open a tunnel", "heading"))
        column.addWidget(self.note)
        for field in self.fields.values():
            column.addWidget(field)
        buttons = QHBoxLayout()
        buttons.setSpacing(GAP_S)
        buttons.addWidget(self.submit)
        buttons.addWidget(self.cancel)
        buttons.addStretch(1)
        buttons.setContentsMargins(GAP_L, GAP_S, GAP_L, GAP_M)
        column.addStretch(1)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(1, 1, 1, 1)
        outer.setSpacing(0)
        outer.addWidget(scrolled(inner), 1)
        outer.addWidget(hairline())
        outer.addLayout(buttons)

    @staticmethod
    def _rule(check: Callable[[], object]) -> str:
        try:
            check()
        except FieldError as error:
            return str(error)
        return ""

    def _services_problem(self, text: str) -> str:
        services, thing = parse_services(text), self.thing.text().strip()
        return self._rule(
            lambda: TunnelRequest(thing="x" if thing else "", services=services).check()
        )

    def request(self) -> TunnelRequest:
        """Raises FieldError."""
        return TunnelRequest(
            thing=self.thing.text().strip(),
            services=parse_services(self.services.text()),
            description=self.description.text().strip(),
            tags=parse_tags(self.tags.text()),
            lifetime_min=parse_minutes(self.lifetime.text()),
        ).check()

    def _submit(self) -> None:
        if first_problem(tuple(self.fields.values())):
            return
        self.note.clear()
        self.submitted.emit(self.request())

    def show_busy(self, busy: bool) -> None:
        self.submit.setEnabled(not busy)
        self.submit.setText("Opening…" if busy else "Open tunnel")

    def show_refusal(self, problem: UserError) -> None:
        self.note.say_problem(problem)

    def start(self) -> None:
        """It has just been opened: the first field is ready to type in."""
        self.thing.edit.setFocus(Qt.FocusReason.OtherFocusReason)

    def clear(self) -> None:
        """The tunnel is open: the next one begins empty."""
        for field in self.fields.values():
            field.set_text("")
        self.lifetime.set_text(str(MAX_LIFETIME_MIN))
        self.note.clear()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.cancelled.emit()
            return
        super().keyPressEvent(event)
