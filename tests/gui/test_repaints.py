"""What changes all the time costs no more than its own pixels."""

import pytest
from PySide6.QtCore import QCoreApplication, QEvent, QObject
from PySide6.QtWidgets import QHBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from peerdeck.gui.widgets.buttons import IconButton
from peerdeck.gui.widgets.labels import ElidedLabel, StatusLabel
from peerdeck.gui.widgets.video import VideoView


class Layouts(QObject):
    """Counts how often widgets are laid out anew."""

    def __init__(self, *widgets: QWidget) -> None:
        super().__init__()
        self.count = 0
        for widget in widgets:
            widget.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        self.count += event.type() == QEvent.Type.LayoutRequest
        return False


@pytest.fixture
def window(qtbot: QtBot) -> QWidget:
    made = QWidget()
    qtbot.addWidget(made)
    QHBoxLayout(made)
    return made


def layouts_after(window: QWidget, part: QWidget, change) -> int:
    window.layout().addWidget(part)
    window.show()
    QCoreApplication.processEvents()
    layouts = Layouts(window, part)
    change()
    QCoreApplication.processEvents()
    return layouts.count


@pytest.mark.parametrize(("text", "anew"), [("21 ms", False), ("a good deal more", True)])
def test_a_text_of_the_same_width_lays_out_nothing(window, text, anew):
    part = ElidedLabel("12 ms", "figures")
    assert bool(layouts_after(window, part, lambda: part.setText(text))) is anew
    assert part.text() == text


def test_a_state_told_again_is_not_shown_again(qtbot, monkeypatch):
    part, painted = StatusLabel(), []
    qtbot.addWidget(part)
    part.show_state("all well", "ok")
    monkeypatch.setattr(part, "_paint_dot", lambda: painted.append(part.tone))
    part.show_state("all well", "ok")
    assert painted == []
    part.show_state("all well", "ok", "since a minute")
    part.show_state("some data is old", "warn")
    assert painted == ["ok", "warn"]
    assert part.word == "some data is old"


def test_an_icon_told_again_is_not_tinted_again(qtbot, monkeypatch):
    part, tinted = IconButton("pause", "Pause", "Space"), []
    qtbot.addWidget(part)
    monkeypatch.setattr(part, "_tint", lambda: tinted.append(part._icon))
    part.show_icon("pause")
    part.show_icon("play")
    assert tinted == ["play"]


def test_a_picture_is_asked_for_in_the_pixels_of_the_screen_it_is_on(qtbot, monkeypatch):
    view, asked, ratio = VideoView(), [], [2.0]
    qtbot.addWidget(view)
    monkeypatch.setattr(view, "devicePixelRatioF", lambda: ratio[0])
    view.set_source(lambda width, height: asked.append((width, height)))
    view.resize(300, 200)
    view.show()
    view.grab()
    assert asked[-1] == (600, 400)
    ratio[0] = 1.5  # carried to another screen
    view.grab()
    assert asked[-1] == (450, 300)
