"""What a tunnel's device does wrong, or cannot do, and what to do about it."""

from peerdeck.core.tunnel import Tunnel, TunnelLink
from peerdeck.gui.widgets.notes import InlineNote
from peerdeck.services.device_hints import Advice, advice


class DeviceNote(InlineNote):
    """Stays until the device does right, or the user has read it; says a thing once."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("tunnels.detail.device")
        self._said: tuple[str, Advice | None] = ("", None)

    def show_link(self, tunnel: Tunnel, link: TunnelLink) -> None:
        said = advice(link, tunnel.destination_connected)
        if (tunnel.id, said) == self._said:
            return
        self._said = (tunnel.id, said)
        if said is None:
            self.clear()
        else:
            self.say(said.tone, said.remedy, title=said.title, stay=True)
