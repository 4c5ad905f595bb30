"""Icons and style sheets, wherever the program was installed.

An icon is an SVG of 20 × 20 units drawn with `currentColor` and strokes of 1.5. It is tinted by a
theme token and rendered so that the stroke is 1.5 px at 16 and at 20 px alike.
"""

import atexit
import re
import sys
import tempfile
from functools import cache
from pathlib import Path

from PySide6.QtCore import QByteArray, QRectF, Qt
from PySide6.QtGui import QIcon, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer

_UNITS = 20
_STROKE = 1.5
_RATIOS = (1, 2, 3)


@cache
def resources() -> Path:
    """The folder with icons/ and styles/: in a PyInstaller bundle, a wheel or a checkout."""
    here = Path(__file__).resolve()
    bundle = getattr(sys, "_MEIPASS", None)
    places = [Path(bundle) / "peerdeck" / "resources", Path(bundle) / "resources"] if bundle else []
    places += [here.parents[1] / "resources", here.parents[3] / "resources"]
    for place in places:
        if (place / "icons").is_dir():
            return place
    raise FileNotFoundError(f"no resources in any of {', '.join(map(str, places))}")


def style_sheets() -> list[Path]:
    """The style sheet templates in the order in which they apply."""
    return sorted((resources() / "styles").glob("*.qss"))


def icon_names() -> list[str]:
    return sorted(path.stem for path in (resources() / "icons").glob("*.svg"))


def pixmap(name: str, tint: str = "text", size: int = 16, ratio: float = 1.0) -> QPixmap:
    """Icon `name` in the colour of theme token `tint`; sizes in device-independent pixels."""
    return _render(name, _colour(tint), size, ratio)


def icon(name: str, tint: str = "text", size: int = 16, gap: int = 0) -> QIcon:
    """As `pixmap`, for every screen; disabled it fades. Ask again when the theme changes.

    gap: free px at the right of it, for text that follows.
    """
    return _icon(name, _colour(tint), _colour("faint"), size, gap)


@cache
def tinted_file(name: str, colour: str) -> str:
    """Path of a copy of icon `name` in `colour` (#RRGGBB): style sheets take files only."""
    path = Path(_scratch().name) / f"{name}-{colour.lstrip('#')}.svg"
    path.write_bytes(_source(name).replace(b"currentColor", colour.encode()))
    return path.as_posix()


@cache
def _scratch() -> "tempfile.TemporaryDirectory[str]":
    folder = tempfile.TemporaryDirectory(prefix="peerdeck-", ignore_cleanup_errors=True)
    atexit.register(folder.cleanup)
    return folder


def _colour(token: str) -> str:
    from peerdeck.gui.theme import theme  # theme needs tinted files from here

    return theme().color(token).name()


@cache
def _source(name: str) -> bytes:
    return (resources() / "icons" / f"{name}.svg").read_bytes()


@cache
def _icon(name: str, colour: str, faint: str, size: int, gap: int) -> QIcon:
    result = QIcon()
    for ratio in _RATIOS:
        usual = _render(name, colour, size, ratio, gap)
        # Without one of its own, Qt washes the icon of a selected row out.
        for mode in (QIcon.Mode.Normal, QIcon.Mode.Selected):
            result.addPixmap(usual, mode)
        result.addPixmap(_render(name, faint, size, ratio, gap), QIcon.Mode.Disabled)
    return result


@cache
def _render(name: str, colour: str, size: int, ratio: float, gap: int = 0) -> QPixmap:
    stroke = _STROKE * _UNITS / size
    svg = re.sub(rb'stroke-width="[^"]*"', f'stroke-width="{stroke:.3f}"'.encode(), _source(name))
    renderer = QSvgRenderer(QByteArray(svg.replace(b"currentColor", colour.encode())))
    side = round(size * ratio)
    result = QPixmap(side + round(gap * ratio), side)
    result.fill(Qt.GlobalColor.transparent)
    painter = QPainter(result)
    renderer.render(painter, QRectF(0, 0, side, side))
    painter.end()
    result.setDevicePixelRatio(ratio)
    return result
