"""The events of a session, and where its join lost time."""

from peerdeck.gui.widgets.log_view import LogView


class TimelineView(LogView):
    """The events of a session, and where its join lost time."""

    def draw_log(self) -> None:
        pass
