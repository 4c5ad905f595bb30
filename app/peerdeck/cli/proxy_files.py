"""Files that the reference local proxy reads and writes; they work here unchanged.

Source: its documentation, "Configuration reference".
"""

import configparser
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from peerdeck.core.errors import FieldError
from peerdeck.services.proxying import Patience

_T = TypeVar("_T")
_MOST_FILES = 1000
_SECTION = "here"
_ENDLESS = 1_000_000

# Our own defaults in the reference's shape, whose values are strings. What is not here (sizes of
# messages and buffers) has no meaning for this proxy, and is accepted and ignored.
DEFAULTS: dict[str, Any] = {
    "tunneling": {
        "proxy": {
            "default_bind_address": "127.0.0.1",
            "endpoint_format": "data.tunneling.iot.%s.amazonaws.com",
            "tcp": {"connection_retry_count": "1", "connection_retry_delay_ms": "1000"},
            "websocket": {
                "ping_period_ms": "20000",
                "retry_delay_ms": "1000",
                "connect_retry_count": "-1",
            },
            "region_endpoint_overrides": {
                "cn-north-1": "data.tunneling.iot.cn-north-1.amazonaws.com.cn",
                "cn-northwest-1": "data.tunneling.iot.cn-northwest-1.amazonaws.com.cn",
            },
        }
    }
}


def read_config(path: Path, known: set[str]) -> dict[str, str]:
    """--config: `long-option = value` per line. Raises FieldError, OSError."""
    values = _read_ini(path, "--config")
    for name in values:
        if name not in known:
            raise FieldError("--config", name, "is no option that this file may hold.")
    return values


def read_mappings(directory: Path, parse: Callable[[str], _T]) -> dict[str, _T]:
    """--config-dir: `service=port` or `service=target` of every file below; the first one counts.

    A file that is something else is passed over, as the reference does.
    """
    found: dict[str, _T] = {}
    files = sorted(path for path in directory.rglob("*") if path.is_file())
    for path in files[:_MOST_FILES]:
        try:
            values = _read_ini(path, "--config-dir")
        except (FieldError, OSError):
            continue
        for service, text in values.items():
            try:
                found.setdefault(service, parse(text))
            except FieldError:
                continue
    return found


def _read_ini(path: Path, option: str) -> dict[str, str]:
    parser = configparser.ConfigParser(
        delimiters=("=",), comment_prefixes=("#", ";"), interpolation=None, strict=False
    )
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # names keep their case
    try:
        # Lines stand above any section, which this parser does not know.
        parser.read_string(f"[{_SECTION}]\n{path.read_text(encoding='utf-8')}")
    except (configparser.Error, UnicodeDecodeError) as error:
        raise FieldError(option, str(path), "is no file of `name = value` lines.") from error
    return dict(parser[_SECTION])


class Settings:
    """--settings-json: what is absent has our own default. Raises FieldError, OSError."""

    def __init__(self, path: Path | None = None) -> None:
        tree: Any = {}
        if path is not None:
            try:
                tree = json.loads(path.read_text(encoding="utf-8"))
            except ValueError as error:
                raise FieldError("--settings-json", str(path), "is no JSON file.") from error
        self._tree = _below(_below(tree, "tunneling"), "proxy")
        self.bind = self._text("default_bind_address")
        self.patience = self._patience()

    def endpoint(self, region: str) -> str:
        """What the file says of a region's endpoint, or ""."""
        exact = _below(self._tree, "region_endpoint_overrides").get(region)
        pattern = self._text("endpoint_format")
        return str(exact or "") or pattern.replace("%s", region)

    def _patience(self) -> Patience:
        connects = self._number("websocket", "connect_retry_count")
        local = self._number("tcp", "connection_retry_count")
        if self._value("websocket", "reconnect_on_data_error").lower() == "false":
            connects = 1
        return Patience(
            attempts=None if connects is None or connects < 0 else max(1, connects),
            retry_s=self._seconds("websocket", "retry_delay_ms"),
            ping_s=self._seconds("websocket", "ping_period_ms"),
            local_attempts=None if local is None else _ENDLESS if local < 0 else max(1, local),
            local_delay_s=self._seconds("tcp", "connection_retry_delay_ms"),
        )

    def _text(self, name: str) -> str:
        return str(self._tree.get(name, ""))

    def _value(self, group: str, name: str) -> str:
        return str(_below(self._tree, group).get(name, "")).strip()

    def _number(self, group: str, name: str) -> int | None:
        text = self._value(group, name)
        try:
            return int(text) if text else None
        except ValueError as error:
            raise FieldError("--settings-json", text, f"{name} is a whole number.") from error

    def _seconds(self, group: str, name: str) -> float | None:
        number = self._number(group, name)
        if number is not None and number <= 0:
            raise FieldError("--settings-json", str(number), f"{name} is a number above 0.")
        return None if number is None else number / 1000


def _below(tree: Any, name: str) -> Mapping[str, Any]:
    below = tree.get(name, {}) if isinstance(tree, dict) else None
    if not isinstance(below, dict):
        raise FieldError("--settings-json", name, "has another shape than the reference's file.")
    return below


def export_defaults(path: Path) -> None:
    """--export-default-settings. Raises OSError."""
    path.write_text(json.dumps(DEFAULTS, indent=4) + "\n", encoding="utf-8")
