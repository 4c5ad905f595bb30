"""One session or recording: picture, figures, and the views to study it by."""

from typing import Final

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QSplitter, QVBoxLayout, QWidget

from peerdeck.gui.theme import GAP_S
from peerdeck.gui.widgets.session_figures import SessionFigures
from peerdeck.gui.widgets.session_stage import SessionStage
from peerdeck.gui.widgets.session_views import SessionViews
from peerdeck.gui.widgets.state import panel
from peerdeck.gui.widgets.time_slider import TimeSlider

_FIGURES_WIDTH: Final = 296
_RECORDED_STAGE_WIDTH: Final = 300
_WHOLE: Final = (1 << 24) - 1  # QWIDGETSIZE_MAX


class SessionDesk(QWidget):
    """Only lays out; the page says what is shown."""

    def __init__(self) -> None:
        super().__init__()
        self.stage = SessionStage()
        self.figures = SessionFigures()
        self.views = SessionViews()
        self.slider = TimeSlider()
        self._slider_panel = panel(self.slider)
        above = QWidget()
        row = QHBoxLayout(above)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(GAP_S)
        row.addWidget(self.stage, 1)
        row.addWidget(self.figures)
        split = QSplitter(Qt.Orientation.Vertical)
        split.setChildrenCollapsible(False)
        split.setHandleWidth(GAP_S)
        split.addWidget(above)
        split.addWidget(self.views)
        split.setStretchFactor(0, 7)
        split.setStretchFactor(1, 6)
        split.setSizes([280, 220])
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GAP_S)
        column.addWidget(split, 1)
        column.addWidget(self._slider_panel)
        self.show_recorded(False)

    def show_recorded(self, recorded: bool) -> None:
        """A recording has a time, but no picture: its figures take that room."""
        self._slider_panel.setVisible(recorded)
        if recorded:
            self.stage.setFixedWidth(_RECORDED_STAGE_WIDTH)
            self.figures.setMinimumWidth(0)
            self.figures.setMaximumWidth(_WHOLE)
        else:
            self.stage.setMinimumWidth(0)
            self.stage.setMaximumWidth(_WHOLE)
            self.figures.setFixedWidth(_FIGURES_WIDTH)
        self.figures.spread(recorded)
