"""Tokens, contrast, icons: what LOOK promises of colours holds in both themes."""

import re
from itertools import product
from pathlib import Path

import pytest
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QApplication, QLabel
from pytestqt.qtbot import QtBot

from peerdeck.gui import assets
from peerdeck.gui.theme import DARK, LIGHT, STATES, Theme, Tokens, theme

ICON = re.compile(
    r'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 20 20" width="20" height="20" '
    r'fill="none" stroke="currentColor" stroke-width="1.5"'
)


def luminance(colour: str) -> float:
    """Relative luminance, WCAG 2.2."""
    rgb = (QColor(colour).redF(), QColor(colour).greenF(), QColor(colour).blueF())
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in rgb]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("tokens", [DARK, LIGHT], ids=["dark", "light"])
def test_text_muted_and_states_can_be_read_on_every_surface(tokens: Tokens) -> None:
    for surface in (tokens.bg, tokens.surface, tokens.raised):
        assert contrast(tokens.text, surface) >= 12
        assert contrast(tokens.muted, surface) >= 5
        for state in STATES:
            assert contrast(getattr(tokens, state), surface) >= 4.5
    assert contrast(tokens.on_accent, tokens.accent) >= 4.5


@pytest.mark.parametrize("choice", ["dark", "light"])
def test_washes_of_notes_leave_text_readable(choice: str) -> None:
    theme().choose(choice)
    for state, text in product(STATES, ("text", "muted")):
        wash = theme().color(f"{state}_wash").name()
        assert contrast(theme().color(text).name(), wash) >= 4.5, (state, text)


def test_choosing_announces_a_change_once(qtbot: QtBot) -> None:
    with qtbot.waitSignal(theme().changed):
        theme().choose("light")
    assert theme().tokens is LIGHT
    with qtbot.assertNotEmitted(theme().changed):
        theme().choose("light")


def test_an_unknown_choice_follows_the_system() -> None:
    theme().choose("sepia")
    assert theme().choice == "system"


def test_style_sheets_name_no_colour_and_no_size_of_their_own() -> None:
    for path in assets.style_sheets():
        text = re.sub(r"/\*.*?\*/", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
        assert not re.search(r"#[0-9a-fA-F]{3,8}\b|\brgba?\(", text), path.name
        # Hairlines and focus borders are as thin as a screen can draw; all else is a token.
        assert not re.search(r"\b(?:[3-9]|\d\d+)px", text), path.name


def test_nothing_but_the_theme_names_a_colour() -> None:
    room = Path(theme.__wrapped__.__code__.co_filename).parent
    for path in room.rglob("*.py"):
        if path.name != "theme.py":
            found = re.findall(r'"#[0-9a-fA-F]{6}"|QColor\(\s*[0-9"]', path.read_text("utf-8"))
            assert not found, (path.name, found)


def test_only_methods_follow_the_theme() -> None:
    """Qt ends the connection of a method with its object; that of a lambda outlives the widget."""
    room = Path(theme.__wrapped__.__code__.co_filename).parent
    for path in room.rglob("*.py"):
        assert "changed.connect(lambda" not in path.read_text("utf-8").replace(
            "Changed.connect", ""
        ), path.name


@pytest.mark.parametrize("name", assets.icon_names())
def test_icons_are_one_set(name: str) -> None:
    source = (assets.resources() / "icons" / f"{name}.svg").read_text(encoding="utf-8")
    assert ICON.match(source)
    assert not re.search(r"#[0-9a-fA-F]{3,6}", source)


def test_icons_take_the_colour_of_their_token() -> None:
    image = assets.pixmap("dot", "bad", 16).toImage()
    assert image.pixelColor(8, 8).name().upper() == DARK.bad


def test_icons_follow_the_theme() -> None:
    dark = assets.pixmap("dot", "text", 16)
    theme().choose("light")
    assert dark.toImage() != assets.pixmap("dot", "text", 16).toImage()


def test_numbers_are_as_wide_as_each_other(qapp: QApplication, qtbot: QtBot) -> None:
    text = QLabel()
    qtbot.addWidget(text)
    text.setFont(theme().font("figures"))
    widths = {text.fontMetrics().horizontalAdvance(digit * 10) for digit in "0123456789"}
    assert len(widths) == 1


def test_a_second_theme_is_never_needed() -> None:
    assert theme() is theme()
    assert isinstance(theme(), Theme)
