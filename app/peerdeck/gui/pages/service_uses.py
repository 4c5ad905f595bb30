"""What people do with a service of a connected tunnel: a shell, a browser, the command itself."""

from collections.abc import Callable

from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices, QGuiApplication

from peerdeck.gui.terminal import open_terminal, shell_text, ssh_command
from peerdeck.gui.widgets.notes import InlineNote
from peerdeck.gui.widgets.service_card import ServiceCard


def _open_url(url: str) -> bool:
    return QDesktopServices.openUrl(QUrl(url))


def ssh_to(card: ServiceCard, thing: str) -> list[str]:
    return ssh_command(card.local_port, user=card.user.text().strip(), alias=thing)


def command_for(card: ServiceCard, thing: str) -> str:
    """What one types to use a service: ssh, curl, or its bare address."""
    if card.kind == "ssh":
        return shell_text(ssh_to(card, thing))
    return f"curl http://{card.address}/" if card.kind == "http" else card.address


class ServiceUses:
    """terminal(command) and browser(url) tell whether they could be started."""

    def __init__(
        self,
        *,
        terminal: Callable[[list[str]], bool] = open_terminal,
        browser: Callable[[str], bool] = _open_url,
    ) -> None:
        self._terminal, self._browser = terminal, browser

    def use(self, verb: str, card: ServiceCard, thing: str, note: InlineNote) -> None:
        """verb: "ssh", "open" or "copy". What cannot be started is offered on the clipboard."""
        if verb == "ssh":
            self._ssh(card, thing, note)
        elif verb == "open":
            self._open(card, note)
        else:
            command = command_for(card, thing)
            QGuiApplication.clipboard().setText(command)
            note.say("ok", "Copied:", detail=command)

    def _ssh(self, card: ServiceCard, thing: str, note: InlineNote) -> None:
        command = ssh_to(card, thing)
        if not self._terminal(command):
            QGuiApplication.clipboard().setText(shell_text(command))
            note.say(
                "info",
                "The command is on the clipboard instead:",
                title="No terminal program was found.",
                detail=shell_text(command),
                stay=True,
            )

    def _open(self, card: ServiceCard, note: InlineNote) -> None:
        url = f"http://{card.address}/"
        if not self._browser(url):
            QGuiApplication.clipboard().setText(url)
            note.say(
                "info",
                "The address is on the clipboard instead:",
                title="No browser could be started.",
                detail=url,
                stay=True,
            )
