"""Joining a channel from its card: with one click, as master after a warning, or with options."""

from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QObject, Signal

from peerdeck.core.channel import Role
from peerdeck.core.errors import FieldError, UserError
from peerdeck.core.join import JoinOptions
from peerdeck.gui.models.join_options import defaults_for, options_from, options_text, told
from peerdeck.gui.widgets.channel_card import ChannelCard
from peerdeck.gui.widgets.join_options import JoinOptionsPanel
from peerdeck.gui.widgets.notes import ConfirmStrip

if TYPE_CHECKING:
    from peerdeck.services.ice import IceState
    from peerdeck.wiring import Console

CHANNELS_KEPT: Final = 100


class Joining(QObject):
    """The card's join actions, the panel of options, and the question before one becomes master.

    joined(str): id of the new session. refused(str): why there is none. options_wanted(bool):
    whether the panel is to be seen.
    """

    joined = Signal(str)
    refused = Signal(str)
    options_wanted = Signal(bool)

    def __init__(self, console: "Console", card: ChannelCard, parent: QObject) -> None:
        super().__init__(parent)
        self._console = console
        self._arn = ""
        self._pending = JoinOptions()
        self.panel = JoinOptionsPanel()
        self.confirm = ConfirmStrip()
        self.confirm.setObjectName("join.confirm")
        self.confirm.go.setObjectName("join.confirm.go")
        self.confirm.keep.setObjectName("join.confirm.keep")
        card.join_requested.connect(self.join)
        card.master_requested.connect(self._join_as_master)
        card.options_requested.connect(self._open)
        self.panel.submitted.connect(self._submit)
        self.panel.closed.connect(self.put_away)
        self.confirm.confirmed.connect(self._confirmed)

    def show_channel(self, arn: str) -> None:
        """Another channel: what was chosen for the one before does not hold for it."""
        if arn == self._arn:
            return
        self._arn = arn
        self.confirm.dismiss()
        self.panel.show_options(self._remembered(arn))

    def show_ice(self, state: "IceState") -> None:
        """Its TURN URIs can be chosen."""
        uris = [uri for server in state.servers for uri in server.uris]
        self.panel.show_uris([uri.text for uri in uris if uri.is_turn])

    def join(self, arn: str) -> None:
        """As viewer, with what one click chooses."""
        self._join(arn, defaults_for(Role.VIEWER))

    def _join_as_master(self, arn: str) -> None:
        self._join(arn, defaults_for(Role.MASTER))

    def _open(self, arn: str) -> None:
        self.show_channel(arn)
        self.options_wanted.emit(True)
        self.panel.start()

    def put_away(self) -> None:
        self.options_wanted.emit(False)

    def _submit(self, options: JoinOptions) -> None:
        remembered = dict(self._console.settings.state.value.join_options)
        remembered.pop(self._arn, None)
        if options != JoinOptions():
            remembered[self._arn] = options_text(options)
        newest = dict(list(remembered.items())[-CHANNELS_KEPT:])
        self._console.settings.change(join_options=newest)
        self._join(self._arn, options)

    def _remembered(self, arn: str) -> JoinOptions:
        text = self._console.settings.state.value.join_options.get(arn, "")
        return options_from(text) if text else JoinOptions()

    def _join(self, arn: str, options: JoinOptions) -> None:
        if not arn:
            return
        if options.role is Role.MASTER:
            self._pending = options
            self._warn(arn, options)
        else:
            self._go(arn, options)

    def _warn(self, arn: str, options: JoinOptions) -> None:
        name = arn.split("/")[1]
        how = told(options)
        self.confirm.ask(
            arn,
            f"Join {name} as master?",
            "Join as master",
            consequence="A channel has one master. Whoever is it now, usually the device itself, "
            f"is thrown out and its viewers lose their picture.{f' ({how})' if how else ''}",
            keep="Cancel",
        )

    def _confirmed(self, arn: str) -> None:
        self._go(arn, self._pending)

    def _go(self, arn: str, options: JoinOptions) -> None:
        try:
            session = self._console.sessions.join(arn, options)
        except (UserError, FieldError) as error:
            self.refused.emit(str(error))
            return
        self.joined.emit(session)
