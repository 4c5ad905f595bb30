"""Colours, gaps, sizes and fonts; nothing else in the program names one."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from string import Template
from typing import Final, Literal, get_args

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontDatabase, QPalette
from PySide6.QtWidgets import QApplication, QWidget

from peerdeck.gui import assets

Choice = Literal["system", "dark", "light"]
FontRole = Literal["body", "strong", "heading", "small", "figures", "figure", "unit", "mono"]

GAP_XS: Final = 4
GAP_S: Final = 8
GAP_M: Final = 12
GAP_L: Final = 16
GAP_XL: Final = 24
RADIUS: Final = 6
ROW: Final = 28  # height of a table row and of a field, px
CONTROL: Final = 30  # height of a button, px
ICON_S: Final = 16
ICON_L: Final = 20
FADE_MS: Final = 120
RAIL: Final = 76  # width of the icon rail, px
READING: Final = 460  # width of a text that is read rather than scanned, px


@dataclass(frozen=True, slots=True)
class Tokens:
    """Colours as #RRGGBB. ok, warn, bad and info mean state and stand beside an icon or a word."""

    bg: str
    surface: str
    raised: str
    line: str
    text: str
    muted: str
    accent: str
    on_accent: str
    ok: str
    warn: str
    bad: str
    info: str


DARK: Final = Tokens(
    bg="#12161C",
    surface="#1A2028",
    raised="#222A34",
    line="#303A46",
    text="#E8EDF2",
    muted="#9AA7B4",
    accent="#4CC2B0",
    on_accent="#08201C",
    ok="#5CC98B",
    warn="#E6B450",
    bad="#F07178",
    info="#6CB6FF",
)
LIGHT: Final = Tokens(
    bg="#F6F7F9",
    surface="#FFFFFF",
    raised="#FFFFFF",
    line="#D8DEE5",
    text="#1B232C",
    muted="#5A6673",
    accent="#0B7A6B",
    on_accent="#FFFFFF",
    ok="#1B7F4B",
    warn="#8F5B00",
    bad="#B4232C",
    info="#1463B8",
)
STATES: Final = ("ok", "warn", "bad", "info")


def mix(over: str, under: str, share: float) -> str:
    """`share` (0–1) of `over` on `under`, as #rrggbb."""
    a, b = QColor(over), QColor(under)
    pairs = ((a.red(), b.red()), (a.green(), b.green()), (a.blue(), b.blue()))
    red, green, blue = (round(share * x + (1 - share) * y) for x, y in pairs)
    return QColor(red, green, blue).name()


class Theme(QObject):
    """The theme in force; `theme()` is the only one.

    changed: colours are different now; whatever painted or tinted with them paints again.
    """

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._choice: Choice = "system"
        self._tokens = DARK
        self._app: QApplication | None = None

    @property
    def tokens(self) -> Tokens:
        return self._tokens

    @property
    def choice(self) -> Choice:
        return self._choice

    @property
    def is_dark(self) -> bool:
        return self._tokens is DARK

    def install(self, app: QApplication, choice: str = "system") -> None:
        """Makes `app` look like this; call once, before the first widget."""
        self._app = app
        app.setStyle("Fusion")
        app.styleHints().colorSchemeChanged.connect(self._follow)
        self._apply(app, DARK)
        self.choose(choice)

    def choose(self, choice: str) -> None:
        """ "dark" and "light" override the system, "system" (or anything unknown) follows it."""
        self._choice = next((c for c in get_args(Choice) if c == choice), "system")
        if self._app is None:
            return
        schemes = {"dark": Qt.ColorScheme.Dark, "light": Qt.ColorScheme.Light}
        self._app.styleHints().setColorScheme(schemes.get(self._choice, Qt.ColorScheme.Unknown))
        self._follow()

    def _follow(self) -> None:
        if self._app is None:
            return
        light = self._choice == "light" or (
            # A system without an opinion gets the dark window: an instrument in a dim room.
            self._choice == "system"
            and self._app.styleHints().colorScheme() == Qt.ColorScheme.Light
        )
        tokens = LIGHT if light else DARK
        if tokens is not self._tokens:
            self._apply(self._app, tokens)

    def _apply(self, app: QApplication, tokens: Tokens) -> None:
        self._tokens = tokens
        app.setPalette(_palette(tokens))
        app.setStyleSheet(_style_sheet(tokens))
        self.changed.emit()

    def color(self, token: str) -> QColor:
        """A token's colour, or a derived one of the style sheet ("hover", "selected" …)."""
        return QColor(_shades(self._tokens)[token])

    def font(self, role: FontRole) -> QFont:
        """The system's font in one of our roles, at sizes relative to the system's own."""
        return QFont(_font(role))


@cache
def theme() -> Theme:
    """The one theme."""
    return Theme()


def set_tone(widget: QWidget, name: str, value: str) -> None:
    """Sets the dynamic property `name`, which the style sheet selects by, and restyles `widget`."""
    if widget.property(name) == value:
        return
    widget.setProperty(name, value)
    style = widget.style()
    style.unpolish(widget)
    style.polish(widget)


@cache
def _font(role: FontRole) -> QFont:
    if role == "mono":
        font = QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)
        font.setPointSizeF(QApplication.font().pointSizeF())
        return font
    font = QFont(QApplication.font())
    steps = {"heading": 4, "small": -1, "figure": 8, "unit": 0}
    font.setPointSizeF(font.pointSizeF() + steps.get(role, 0))
    if role in {"heading", "strong", "figure"}:
        font.setWeight(QFont.Weight.DemiBold)
    if role in {"figures", "figure", "unit", "small"}:
        font.setFeature(QFont.Tag("tnum"), 1)
    return font


@cache
def _shades(tokens: Tokens) -> Mapping[str, str]:
    """The tokens, and what follows from them. Every painting asks for colours: made once."""
    shades = dict(asdict(tokens))
    shades |= {
        "hover": mix(tokens.text, tokens.surface, 0.06),
        "raised_hover": mix(tokens.text, tokens.raised, 0.07),
        "pressed": mix(tokens.text, tokens.raised, 0.14),
        "selected": mix(tokens.accent, tokens.surface, 0.20),
        "rail_selected": mix(tokens.accent, tokens.bg, 0.16),
        "accent_hover": mix(tokens.text, tokens.accent, 0.12),
        "accent_pressed": mix(tokens.text, tokens.accent, 0.24),
        "faint": mix(tokens.muted, tokens.surface, 0.55),
        "skeleton": mix(tokens.text, tokens.surface, 0.08),
        "field": mix(tokens.bg, tokens.surface, 0.6),
    }
    for state in STATES:
        shades[f"{state}_wash"] = mix(shades[state], tokens.surface, 0.12)
        shades[f"{state}_line"] = mix(shades[state], tokens.surface, 0.40)
    shades["bad_hover"] = mix(tokens.bad, tokens.raised, 0.18)
    return shades


def _style_sheet(tokens: Tokens) -> str:
    values = {
        **_shades(tokens),
        "gap_xs": f"{GAP_XS}px",
        "gap_s": f"{GAP_S}px",
        "gap_m": f"{GAP_M}px",
        "gap_l": f"{GAP_L}px",
        "gap_xl": f"{GAP_XL}px",
        "item_gap": f"{GAP_S - 3}px",
        "radius": f"{RADIUS}px",
        "radius_s": f"{RADIUS - 2}px",
        "row": f"{ROW}px",
        # Inner heights: a border of 1 px lies above and below.
        "control": f"{CONTROL - 2}px",
        "field_height": f"{ROW - 2}px",
        # A focused button's border is 2 px and must not move its text.
        "focus_padding": f"{GAP_M - 1}px",
        "focus_height": f"{CONTROL - 4}px",
        "icon": f"{ICON_S}px",
        "icon_l": f"{ICON_L}px",
        "icon_padding": f"{(ROW - ICON_S) // 2 - 1}px",
        "scroller": f"{2 * GAP_XL}px",
        "arrow": f"{GAP_M}px",
        "arrow_s": f"{GAP_M - 2}px",
    }
    for glyph, token in (
        ("chevron-down", tokens.muted),
        ("chevron-up", tokens.muted),
        ("check", tokens.on_accent),
    ):
        values[f"image_{glyph.replace('-', '_')}"] = assets.tinted_file(glyph, token)
    return "\n".join(
        Template(path.read_text(encoding="utf-8")).substitute(values)
        for path in assets.style_sheets()
    )


def _palette(tokens: Tokens) -> QPalette:
    role = QPalette.ColorRole
    shades = _shades(tokens)
    palette = QPalette()
    colours = {
        role.Window: tokens.bg,
        role.WindowText: tokens.text,
        role.Base: tokens.surface,
        role.AlternateBase: tokens.raised,
        role.Text: tokens.text,
        role.BrightText: tokens.bad,
        role.Button: tokens.raised,
        role.ButtonText: tokens.text,
        role.Highlight: shades["selected"],
        role.HighlightedText: tokens.text,
        role.Accent: tokens.accent,
        role.Link: tokens.info,
        role.LinkVisited: tokens.info,
        role.ToolTipBase: tokens.raised,
        role.ToolTipText: tokens.text,
        role.PlaceholderText: shades["faint"],
        role.Light: shades["hover"],
        role.Midlight: tokens.line,
        role.Mid: tokens.line,
        role.Dark: tokens.line,
        role.Shadow: tokens.bg,
    }
    for name, colour in colours.items():
        palette.setColor(name, QColor(colour))
    for name in (role.WindowText, role.Text, role.ButtonText, role.HighlightedText):
        palette.setColor(QPalette.ColorGroup.Disabled, name, QColor(shades["faint"]))
    return palette
