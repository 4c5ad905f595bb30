"""Reads dumps that browsers wrote."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any, NoReturn

import msgspec

from peerdeck.core.errors import UserError
from peerdeck.core.peer_log import PeerLog, SessionLog
from peerdeck.core.rtc_stats import TYPE, StatsReport, Value
from peerdeck.core.stats_table import StatsTable
from peerdeck.storage.dumps.files import content
from peerdeck.storage.dumps.samples import Series, StatsObject, plain_values, reports
from peerdeck.storage.dumps.updates import Updates

INTERNALS, RTCSTATS = "webrtc-internals", "rtcstats"
_RTCSTATS_START = b"RTCStatsDump"
_REMEDY = "Make one with “Create a WebRTC-Internals dump” in chrome://webrtc-internals."


class _Series(msgspec.Struct, rename="camel"):
    values: str
    start_time: str = ""
    end_time: str = ""
    stats_type: str = ""


class _Update(msgspec.Struct):
    """timestamp: POSIX milliseconds; time: as text, in dumps before it."""

    type: str
    value: Any = ""
    timestamp: float | None = None
    time: str = ""


class _Connection(msgspec.Struct, rename="camel"):
    stats: dict[str, _Series] = {}
    update_log: list[_Update] = []
    rtc_configuration: Any = ""
    url: str = ""


class _Dump(msgspec.Struct, rename="pascal"):
    peer_connections: dict[str, _Connection]
    user_agent: str = ""
    user_agent_data: Any = None


def read(path: Path) -> tuple[str, SessionLog]:
    """INTERNALS or RTCSTATS, and its log. Blocks. Raises UserError and OSError."""
    data = content(path)
    if data.startswith(_RTCSTATS_START):
        return RTCSTATS, _rtcstats(path.name, data)
    try:
        dump = msgspec.json.decode(data, type=_Dump)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        _wrong(path.name, str(error), error)
    return INTERNALS, _internals(path.name, dump)


def _wrong(name: str, why: str, cause: Exception | None = None) -> NoReturn:
    title = f"{name} is no dump of chrome://webrtc-internals that Peerdeck understands."
    raise UserError(title, _REMEDY, detail=why) from cause


def _internals(name: str, dump: _Dump) -> SessionLog:
    log = SessionLog(signaling=[])
    for peer_id, connection in dump.peer_connections.items():
        peer = log.peers[peer_id] = _empty(peer_id)
        try:
            for report in reports(_objects(connection.stats)):
                peer.table.append(report)
        except (ValueError, TypeError) as error:
            _wrong(name, f"Connection {peer_id}: {error}", error)
        first = peer.table.times[0] if len(peer.table) else 0.0
        updates = Updates(peer)
        for update in connection.update_log:
            updates.add(_update_time(update, first), update.type, update.value)
    pages = [found.url for found in dump.peer_connections.values() if found.url]
    settings = [found.rtc_configuration for found in dump.peer_connections.values()]
    log.title = _host(pages[0]) if pages else name
    log.facts = _facts(
        {
            "Page": ", ".join(dict.fromkeys(pages)),
            "Browser": _browser(dump.user_agent_data),
            "User agent": dump.user_agent,
            "Configuration": settings[0] if settings else "",
        }
    )
    log.started_at = log.span()[0]
    return log


def _empty(peer_id: str) -> PeerLog:
    return PeerLog(peer_id, StatsTable(), [], [], [])


def _browser(data: Any) -> str:
    """ "Chromium 156.0.8078.79, Linux", of NavigatorUAData."""
    if not isinstance(data, dict):
        return ""
    brands = data.get("fullVersionList") or data.get("brands") or []
    names = [
        f"{brand.get('brand')} {brand.get('version')}"
        for brand in (brands if isinstance(brands, list) else [])
        if isinstance(brand, dict) and not str(brand.get("brand", "Not")).startswith("Not")
    ]
    return ", ".join([*names[:1], str(data.get("platform") or "")]).strip(", ")


def _host(page: str) -> str:
    """Of a URL, and any other text as it is; nothing that a page may have in its address fails."""
    return page.partition("://")[2].partition("/")[0] or page


def _facts(facts: dict[str, Any]) -> dict[str, str]:
    texts = {k: v if isinstance(v, str) else json.dumps(v) for k, v in facts.items() if v}
    return {name: text[:2_000] for name, text in texts.items() if text}


def _objects(stats: dict[str, _Series]) -> dict[str, StatsObject]:
    """Raises ValueError where a series is none."""
    objects: dict[str, StatsObject] = {}
    for key, series in stats.items():
        name, _, member = key.rpartition("-")
        if "[" in key or not name:
            continue
        found = objects.setdefault(name, StatsObject(series.stats_type))
        try:
            values = msgspec.json.decode(series.values, type=list[Any])
            if member == "timestamp":
                found.timestamps = [float(value) / 1000 for value in values]
            elif member == TYPE:
                found.kind = found.kind or str(next(iter(values), ""))
            else:
                found.members[member] = Series(
                    values, _iso(series.start_time), _iso(series.end_time)
                )
        except (ValueError, TypeError) as error:
            raise ValueError(f"{key}: {error}") from error
    return objects


def _iso(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def _update_time(update: _Update, otherwise: float) -> float:
    if update.timestamp is not None:
        return update.timestamp / 1000
    for form in ("%m/%d/%Y, %I:%M:%S %p", "%d/%m/%Y, %H:%M:%S", "%d.%m.%Y, %H:%M:%S"):
        try:
            return datetime.strptime(update.time, form).timestamp()  # noqa: DTZ007  as the page showed it
        except ValueError:
            continue
    return otherwise


def _rtcstats(name: str, data: bytes) -> SessionLog:
    """Lines: RTCStatsDump, the format, then `[event, scope, value, …ids, milliseconds]`, the
    milliseconds since the line before; the first has them since 1970."""
    log = SessionLog(name, signaling=[])
    updates: dict[str, Updates] = {}
    at_s = 0.0
    for number, line in enumerate(data.split(b"\n")[2:], start=3):
        if not line.strip():
            continue
        try:
            event, scope, value, *more, passed_ms = msgspec.json.decode(line, type=list[Any])
            at_s += float(passed_ms) / 1000
            if not isinstance(event, str):
                raise TypeError("it is compressed; convert it to webrtc-internals' format")
            if not isinstance(scope, str):
                _add_client(log, value)
            elif event == "create":
                page = next((text for text in more if isinstance(text, str)), "")
                log.title = _host(page) or log.title
            elif not event.startswith("navigator."):
                peer = log.peers.setdefault(scope, _empty(scope))
                if event == "getStats":
                    peer.table.append(_report(at_s, value))
                else:
                    updates.setdefault(scope, Updates(peer)).add(at_s, event, value)
        except (ValueError, TypeError, AttributeError) as error:
            raise UserError(
                f"{name} is no rtcstats dump that Peerdeck understands.",
                "Save it once more, or use a dump of chrome://webrtc-internals.",
                detail=f"Line {number}: {error}",
            ) from error
    log.started_at = log.span()[0]
    return log


def _add_client(log: SessionLog, value: Any) -> None:
    if isinstance(value, dict):
        browser, agent = _browser(value.get("userAgentData")), value.get("userAgent")
        log.facts = _facts({"Browser": browser, "User agent": agent})


def _report(at_s: float, stats: dict[str, dict[str, Any]]) -> StatsReport:
    objects: dict[str, dict[str, Value]] = {}
    for name, members in stats.items():
        found = objects[name] = {}
        for member, value in members.items():
            if member not in {"id", "timestamp"} and not member.startswith("["):
                found.update(plain_values(member, value))
    return StatsReport(at_s, objects)
