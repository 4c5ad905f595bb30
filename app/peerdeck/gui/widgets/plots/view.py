"""The plots of a session: the standard eight, or whatever is chosen."""

from PySide6.QtCore import Signal

from peerdeck.gui.widgets.log_view import LogView


class PlotsView(LogView):
    """wanted(): seen for the first time; the owner awaits `load()`."""

    wanted = Signal()

    async def load(self) -> None:
        """Imports, beside the loop, what draws."""

    def end(self) -> None:
        """Idempotent; the owner calls it before it goes."""

    def draw_log(self) -> None:
        pass
