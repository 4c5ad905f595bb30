"""The SDP of each negotiation, before and after it was changed."""

from peerdeck.gui.widgets.log_view import LogView


class DescriptionsView(LogView):
    """The SDP of each negotiation, before and after it was changed."""

    def draw_log(self) -> None:
        pass
