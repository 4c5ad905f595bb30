"""The ICE panel: ask for a channel's ICE configuration, see which servers really work."""

from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QGridLayout, QWidget

from peerdeck.core.channel import CHANNEL_ARN
from peerdeck.core.ice import (
    ICE_CLIENT_ID,
    ICE_SERVICE,
    ICE_USER_NAME,
    IceRequest,
    ProbeVerdict,
    rtc_ice_servers_json,
)
from peerdeck.gui.theme import GAP_M, GAP_XS
from peerdeck.gui.widgets.buttons import Button, CopyButton, button_row
from peerdeck.gui.widgets.cards import Card
from peerdeck.gui.widgets.countdown import CountdownLabel
from peerdeck.gui.widgets.fields import FormField, first_problem
from peerdeck.gui.widgets.ice_rows import IceRows
from peerdeck.gui.widgets.labels import label
from peerdeck.gui.widgets.notes import InlineNote

if TYPE_CHECKING:
    from peerdeck.services.ice import IceState


class IceForm(QWidget):
    """The four request fields of GetIceServerConfig. submitted(): Enter in any of them."""

    submitted = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.arn = FormField("Channel ARN", CHANNEL_ARN.problem, mono=True)
        self.arn.edit.setObjectName("ice.arn")
        self.client_id = FormField("Client ID", ICE_CLIENT_ID.problem, hint="optional")
        self.client_id.edit.setObjectName("ice.client_id")
        self.service = FormField("Service", ICE_SERVICE.problem, text="TURN", hint="always TURN")
        self.service.edit.setObjectName("ice.service")
        self.user = FormField("User name", ICE_USER_NAME.problem, hint="optional")
        self.user.edit.setObjectName("ice.username")
        self.fields = (self.arn, self.client_id, self.service, self.user)
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(GAP_M)
        grid.setVerticalSpacing(GAP_XS)
        grid.addWidget(self.arn, 0, 0, 1, 3)
        for column, field in enumerate((self.client_id, self.service, self.user)):
            grid.addWidget(field, 1, column)
            grid.setColumnStretch(column, 1)
        for field in self.fields:
            field.submitted.connect(self.submitted)

    def request(self) -> IceRequest | None:
        """What the fields say, or None after the first that breaks its rule was shown."""
        if first_problem(self.fields):
            return None
        arn, client_id, service, user = (field.text() for field in self.fields)
        return IceRequest(arn, client_id=client_id, service=service or "TURN", username=user)


class IcePanel(Card):
    """fetch_requested(IceRequest), test_requested(): what the user asked.

    attention(QWidget): this part should be scrolled to.
    """

    fetch_requested = Signal(object)
    test_requested = Signal()
    attention = Signal(QWidget)

    def __init__(self) -> None:
        self._left = CountdownLabel("expires in {}", "expired")
        super().__init__("ICE servers", self._left, role="panel")
        self.setObjectName("ice")
        self._state: IceState | None = None
        self._left.setObjectName("ice.expires")
        self.form = IceForm()
        self.form.submitted.connect(self._fetch)
        self.fetch = Button("Fetch", icon="download")
        self.fetch.setObjectName("ice.fetch")
        self.fetch.clicked.connect(self._fetch)
        self.test = Button("Test servers", icon="play")
        self.test.setObjectName("ice.test")
        self.test.clicked.connect(self.test_requested)
        self.copy = Button("Copy as RTCIceServer JSON", "quiet", "copy")
        self.copy.setObjectName("ice.copy")
        self._copier = CopyButton(self._json, "RTCIceServer JSON")
        self._copier.hide()
        self.copy.clicked.connect(self._copier.copy)
        self._copier.copied.connect(self._say_copied)
        self.note = InlineNote()
        self.note.setObjectName("ice.note")
        self.note.action_requested.connect(self._fetch)
        self.note.laid_out.connect(self._point_at_note)
        self.summary = label("", tone="muted", wrap=True)
        self.summary.setObjectName("ice.summary")
        self.rows = IceRows()
        self.add(self.form)
        self.add(button_row(self.fetch, self.test, self.copy))
        self.add(self.note)
        self.add(self.summary)
        self.add(self.rows)
        self.body.addStretch(1)

    def show_channel(self, arn: str) -> None:
        """Puts the chosen channel's ARN into the form."""
        self.form.arn.set_text(arn)
        self.form.arn.edit.setCursorPosition(0)

    def show_state(self, state: "IceState") -> None:
        before, self._state = self._state, state
        loading = state.status.value == "loading"
        self.fetch.setEnabled(not loading)
        self.fetch.setText("Fetching…" if loading else "Fetch again" if state.servers else "Fetch")
        self.test.setEnabled(bool(state.servers) and not state.testing)
        self.test.setText("Testing…" if state.testing else "Test servers")
        self.copy.setEnabled(bool(state.servers))
        self._left.set_end(state.expires_at or 0.0)
        self.rows.show_servers(state.servers, state.probes, testing=state.testing)
        self.summary.setText(_summary(state))
        if state.problem is not None and (before is None or before.problem != state.problem):
            self.note.say_problem(state.problem, "Retry")
        elif state.problem is None and self.note.tone == "bad":
            self.note.clear()

    def _fetch(self) -> None:
        request = self.form.request()
        if request is not None:
            self.fetch_requested.emit(request)

    def _point_at_note(self) -> None:
        if self.note.isVisible() and self.note.tone == "bad":
            self.attention.emit(self.note)

    def _json(self) -> str:
        return rtc_ice_servers_json(self._state.servers) if self._state else ""

    def _say_copied(self) -> None:
        self.note.say("ok", "Copied with user names and passwords. They end with the time above.")


def _summary(state: "IceState") -> str:
    uris = sum(len(server.uris) for server in state.servers)
    if not uris:
        if state.status.value == "loading":
            return "Asking the channel's own endpoint…"
        return "Fetch asks the channel for its TURN servers; the region's STUN server is added."
    if state.testing:
        return f"Testing {uris} servers: {len(state.probes)} answered so far."
    if not state.probes:
        return f"{uris} servers. Test them to see which ones really work from here."
    works = [p for p in state.probes.values() if p.verdict is ProbeVerdict.OK]
    tried = [p for p in state.probes.values() if p.verdict is not ProbeVerdict.UNSUPPORTED]
    relays = [p for p in works if p.relayed]
    words = f"{len(works)} of {len(tried)} tried servers work"
    if not relays:
        return f"{words}; none of them relays, so a peer behind a strict NAT cannot be reached."
    return f"{words}, {len(relays)} of them as relay."
