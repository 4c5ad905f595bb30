"""What went over the signaling socket, decoded."""

from peerdeck.gui.widgets.log_view import LogView


class TranscriptView(LogView):
    """What went over the signaling socket, decoded."""

    def draw_log(self) -> None:
        pass
