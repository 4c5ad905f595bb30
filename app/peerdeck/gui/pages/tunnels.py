"""Tunnels: to which devices, through which ports, how much, for how long."""

import time
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Final

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QSplitter, QStackedWidget

from peerdeck.core.errors import FieldError, UserError
from peerdeck.core.tunnel import Mode, TokenState, Tunnel, TunnelRequest
from peerdeck.gui.models.tunnels import thing_text
from peerdeck.gui.pages.base import Page
from peerdeck.gui.pages.service_uses import ServiceUses
from peerdeck.gui.theme import GAP_S
from peerdeck.gui.widgets.buttons import Button, IconButton
from peerdeck.gui.widgets.cards import Card, SectionHeader
from peerdeck.gui.widgets.state import Message
from peerdeck.gui.widgets.tunnel_detail import TunnelDetail
from peerdeck.gui.widgets.tunnel_form import TunnelForm
from peerdeck.gui.widgets.tunnel_list import TunnelList
from peerdeck.services.links import suggested_ports

if TYPE_CHECKING:
    from peerdeck.services.tunnels import TunnelsState
    from peerdeck.wiring import Console

_DEMO_USER: Final = "demo"
_BUSY: Final = {
    "connect": "Connecting…",
    "disconnect": "Disconnecting…",
    "rotate": "Rotating tokens…",
    "close": "Closing…",
    "delete": "Deleting…",
}


class TunnelsPage(Page):
    """The list, and beside it the chosen tunnel or the form for a new one."""

    name = "tunnels"

    def __init__(
        self,
        console: "Console",
        *,
        clock: Callable[[], float] = time.time,
        uses: ServiceUses | None = None,
    ) -> None:
        super().__init__(console)
        self._clock = clock
        self._uses = uses or ServiceUses()
        self._known: dict[Mode, TokenState | None] = {}
        self._warned: set[tuple[str, int]] = set()
        self.list = TunnelList(self, clock)
        self.table = self.list.table
        self.detail = TunnelDetail(clock=clock)
        self.form = TunnelForm()
        self.nothing = Message()
        self.nothing.tell(
            "tunnels", "No tunnel is chosen.", "Choose one in the list to connect to its services."
        )
        self.open_button = Button("Open tunnel", icon="plus")
        self.refresh_button = IconButton("refresh", "Refresh", "F5")
        self._lay_out()
        self._connect()
        self.remember_columns(self.table)
        self.following.follow(console.tunnels.state, self._follow)

    def _lay_out(self) -> None:
        self.open_button.setObjectName("tunnels.open")
        self.refresh_button.setObjectName("tunnels.refresh")
        header = SectionHeader(
            "Tunnels", self.list.filter, self.open_button, self.refresh_button, font="heading"
        )
        self._count = header.remark
        self.side = QStackedWidget()
        self._nothing = Card(role="panel")
        self._nothing.add(self.nothing)
        for page in (self._nothing, self.detail, self.form):
            self.side.addWidget(page)
        split = QSplitter(Qt.Orientation.Horizontal)
        split.setChildrenCollapsible(False)
        split.setHandleWidth(GAP_S)
        split.addWidget(self.list)
        split.addWidget(self.side)
        split.setStretchFactor(0, 6)
        split.setStretchFactor(1, 5)
        split.setSizes([510, 400])
        self.split = split
        self.column.addWidget(header)
        self.column.addWidget(self.note)
        self.column.addWidget(split, 1)

    def _connect(self) -> None:
        self.open_button.clicked.connect(self.show_form)
        self.refresh_button.clicked.connect(self.refresh)
        self.list.filter.left_downwards.connect(self._to_table)
        self.list.asked.connect(lambda key: self.show_form() if key == "open" else self.refresh())
        self.list.changed.connect(self._show_list)
        self.table.selected.connect(self._chosen)
        self.table.opened.connect(lambda _: self.detail.connect_button.setFocus())
        self.form.cancelled.connect(self._leave_form)
        self.form.submitted.connect(self._open)
        detail = self.detail
        detail.connect_requested.connect(self._connect_tunnel)
        detail.disconnect_requested.connect(
            lambda: self._run("disconnect", self.console.tunnels.disconnect(self._id))
        )
        detail.rotate_requested.connect(self._rotate)
        detail.end_requested.connect(self._end)
        detail.asked.connect(self._use)
        detail.connections.hold_changed.connect(
            lambda hold: self.console.settings.change(hold_connections=hold)
        )
        detail.note.action_requested.connect(
            lambda: self._run("connect", self._rotate_and_connect(self._id))
        )
        self.tasks.started.connect(lambda _: self._show_busy())
        self.tasks.finished.connect(self._finished)

    # --- what the service says -------------------------------------------------------------

    def _follow(self, state: "TunnelsState") -> None:
        self.list.show_state(state)
        self._show_chosen()
        self._show_list()
        self._warn_of_ends(state)

    def _warn_of_ends(self, state: "TunnelsState") -> None:
        """Once for each warning, where the user looks: at that tunnel, or over the list."""
        for tunnel_id, link in state.links.items():
            tunnel = state.by_id(tunnel_id)
            key = (tunnel_id, link.ends_in_min)
            if tunnel is None or not link.ends_in_min or key in self._warned:
                continue
            self._warned.add(key)
            title = f"Tunnel {thing_text(tunnel)} ends within {link.ends_in_min} minutes."
            words = "Its lifetime cannot be extended. Open another one in time."
            note = self.detail.note if tunnel_id == self._id else self.note
            note.say("warn", words, title=title)

    def _show_list(self) -> None:
        self._count.setText(self.list.count_text)
        # Beside an empty list there is nothing to be chosen, but a form may be open.
        nothing = self.side.currentWidget() is self._nothing and self.list.pane.state != "ready"
        self.side.setVisible(not nothing)

    @property
    def _id(self) -> str:
        return self.table.selected_id

    def _tunnel(self) -> Tunnel | None:
        return self.console.tunnels.state.value.by_id(self._id)

    def _chosen(self, tunnel_id: str) -> None:
        self._known = {}
        if tunnel_id:
            self._look_for_tokens()
            if self.side.currentWidget() is not self.form:
                self.side.setCurrentWidget(self.detail)
        self._show_chosen()

    def _show_chosen(self) -> None:
        state, tunnel = self.console.tunnels.state.value, self._tunnel()
        if tunnel is None:
            if self.side.currentWidget() is self.detail:
                self.side.setCurrentWidget(self._nothing)
            return
        if self.side.currentWidget() is self._nothing:
            self.side.setCurrentWidget(self.detail)
        remembered = self.console.settings.state.value.ports
        ports = suggested_ports(tunnel, remembered, state.links)
        user = _DEMO_USER if self.console.account.state.value.demo else ""
        hold = self.console.settings.state.value.hold_connections
        self.detail.show_tunnel(tunnel, state.links.get(tunnel.id), ports, user=user, hold=hold)
        self.detail.show_tokens(self._known, where=state.secrets_where, warning=state.warning)
        self._show_busy()

    def _show_busy(self) -> None:
        self.form.show_busy(self.tasks.is_running("open"))
        running = (verb for verb in _BUSY if self.tasks.is_running(f"{verb} {self._id}"))
        self.detail.show_busy(_BUSY.get(next(running, ""), ""))

    def _look_for_tokens(self) -> None:
        self.tasks.run("tokens", self._find_tokens(self._id))

    async def _find_tokens(self, tunnel_id: str) -> None:
        state_of = self.console.tunnels.token_state
        known = {mode: await state_of(tunnel_id, mode) for mode in Mode}
        if tunnel_id == self._id:
            self._known = known
            state = self.console.tunnels.state.value
            self.detail.show_tokens(known, where=state.secrets_where, warning=state.warning)

    # --- what the user asks ----------------------------------------------------------------

    def refresh(self) -> None:
        self.tasks.run("refresh", self.console.tunnels.refresh())

    def open_item(self, argument: str) -> None:
        if self.table.select_id(argument):
            self.side.setCurrentWidget(self.detail)

    def back(self) -> bool:
        if self.side.currentWidget() is self.form:
            self._leave_form()
            return True
        return self.detail.back() or super().back() or self._to_table()

    def show_form(self) -> None:
        self.side.setCurrentWidget(self.form)
        self.side.show()
        self.form.start()

    def _leave_form(self) -> None:
        self.side.setCurrentWidget(self.detail if self._tunnel() else self._nothing)
        self._show_list()
        self.open_button.setFocus(Qt.FocusReason.OtherFocusReason)

    def _to_table(self) -> bool:
        self.table.setFocus(Qt.FocusReason.OtherFocusReason)
        self.table.select_first()
        return True

    def _open(self, request: TunnelRequest) -> None:
        self.tasks.run("open", self._open_and_show(request))

    async def _open_and_show(self, request: TunnelRequest) -> None:
        try:
            tunnel_id = await self.console.tunnels.open(request)
        except FieldError as error:
            raise UserError(str(error), "Change the field and try again.") from error
        self.form.clear()
        self.side.setCurrentWidget(self.detail)
        self.list.filter.clear()
        self.table.select_id(tunnel_id)
        self.detail.note.say("ok", "The tunnel is open. Connect to use its services.")
        self.detail.connect_button.setFocus(Qt.FocusReason.OtherFocusReason)

    def _run(self, verb: str, coroutine: Coroutine[Any, Any, None]) -> None:
        self.detail.note.clear()
        self.tasks.run(f"{verb} {self._id}", coroutine)

    def _connect_tunnel(self, ports: dict[str, int]) -> None:
        wanted = {service: port for service, port in ports.items() if port}
        self._run("connect", self.console.tunnels.connect(self._id, wanted))

    def _rotate(self, modes: tuple[Mode, ...]) -> None:
        self._run("rotate", self._rotate_and_say(self._id, modes))

    async def _rotate_and_say(self, tunnel_id: str, modes: tuple[Mode, ...]) -> None:
        await self.console.tunnels.rotate(tunnel_id, modes)
        if tunnel_id == self._id:
            said = f"The {modes[0]} token is new; the old one no longer works."
            if len(modes) > 1:
                said = "Both tokens are new; the old ones no longer work."
            self.detail.note.say("ok", said)
            self._look_for_tokens()

    async def _rotate_and_connect(self, tunnel_id: str) -> None:
        """For a tunnel that was opened elsewhere: its token is not here, a new one is."""
        await self._rotate_and_say(tunnel_id, (Mode.SOURCE,))
        await self.console.tunnels.connect(tunnel_id)

    def _end(self, delete: bool) -> None:
        verb = "delete" if delete else "close"
        self._run(verb, self._end_and_say(self._id, delete=delete))

    async def _end_and_say(self, tunnel_id: str, *, delete: bool) -> None:
        tunnel = self.console.tunnels.state.value.by_id(tunnel_id)
        await self.console.tunnels.close(tunnel_id, delete=delete)
        if tunnel is not None:
            done = "deleted" if delete else "closed"
            self.note.say("ok", f"Tunnel {thing_text(tunnel)} is {done}.")
        if tunnel_id == self._id:
            self._look_for_tokens()

    def _use(self, verb: str, service: str) -> None:
        tunnel, card = self._tunnel(), self.detail.cards.get(service)
        if tunnel is not None and card is not None and card.local_port:
            self._uses.use(verb, card, tunnel.thing, self.detail.note)

    # --- how it ended ----------------------------------------------------------------------

    def _finished(self, name: str) -> None:
        if name == f"connect {self._id}":
            self._look_for_tokens()  # it is used now
        self._show_chosen()

    def _failed(self, name: str, problem: UserError) -> None:
        verb, _, tunnel_id = name.partition(" ")
        if verb == "open":
            self.form.show_refusal(problem)
        elif tunnel_id and tunnel_id == self._id:
            here = verb != "connect" or self._known.get(Mode.SOURCE, TokenState.UNUSED)
            self.detail.note.say_problem(problem, "" if here else "Rotate and connect")
        else:
            self.note.say_problem(problem)
