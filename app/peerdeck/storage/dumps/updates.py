"""API calls and events of a connection, as browsers log them, and as our events and back."""

from typing import Any

import msgspec

from peerdeck.core.peer_log import Description, Event, PeerLog

# Fired at the page; Chromium writes them with "on" before, the W3C and we without.
FIRED = frozenset(
    {
        "connectionstatechange",
        "iceconnectionstatechange",
        "icegatheringstatechange",
        "signalingstatechange",
        "icecandidate",
        "icecandidateerror",
        "negotiationneeded",
        "track",
        "datachannel",
    }
)
# What a Description says already, with its time.
OF_DESCRIPTIONS = frozenset(
    {
        "setLocalDescription",
        "setRemoteDescription",
        "createOfferOnSuccess",
        "createAnswerOnSuccess",
    }
)
_KINDS = {
    "icecandidate": "candidate",
    "icecandidateerror": "candidate",
    "addIceCandidate": "candidate",
    "addIceCandidateOnFailure": "candidate",
    "negotiationneeded": "sdp",
    "track": "media",
    "datachannel": "data",
    "createDataChannel": "data",
}
_STARTS = (
    ("createOffer", "sdp"),
    ("createAnswer", "sdp"),
    ("setLocalDescription", "sdp"),
    ("setRemoteDescription", "sdp"),
    ("addTrack", "media"),
    ("removeTrack", "media"),
    ("transceiver", "media"),
    ("addTransceiver", "media"),
    ("addStream", "media"),
)
_TONES = {"connected": "ok", "completed": "ok", "failed": "bad", "closed": "warn"}
_END = "end of candidates"
_PREFIX = "candidate:"
MAX_DETAIL = 2_000


class Updates:
    """Fills a peer's events and descriptions from a browser's log, in its order."""

    def __init__(self, log: PeerLog) -> None:
        self._log = log
        self._created = ""

    def add(self, at_s: float, name: str, value: Any) -> None:
        """value: as it was logged, JSON text or already decoded."""
        if isinstance(value, str):
            value = _decoded(value)
        plain = name.removeprefix("on")
        name = plain if plain in FIRED else name
        if name in OF_DESCRIPTIONS and isinstance(value, dict) and "sdp" in value:
            self._description(at_s, name, str(value.get("type", "")), str(value["sdp"]))
        else:
            detail = _detail(name, value)[:MAX_DETAIL]
            self._log.events.append(Event(at_s, _kind(name), name, detail, _tone(name, detail)))

    def _description(self, at_s: float, name: str, kind: str, sdp: str) -> None:
        if name.startswith("create"):
            self._created = sdp
            return
        side = "local" if name == "setLocalDescription" else "remote"
        before = self._created if side == "local" and self._created != sdp else ""
        if side == "local":
            self._created = ""
        self._log.events.append(Event(at_s, "sdp", name, kind))
        self._log.descriptions.append(Description(at_s, side, kind, sdp, before))


def logged(log: PeerLog) -> list[dict[str, Any]]:
    """Entries of an update log as chrome://webrtc-internals writes them, by time."""
    entries = [
        _entry(event.at_s, event.name, event.detail)
        for event in log.events
        if event.name not in OF_DESCRIPTIONS
    ]
    for description in log.descriptions:
        entries.extend(_entries_of(description))
    entries.sort(key=lambda entry: float(entry["timestamp"]))
    return entries


def _entries_of(description: Description) -> list[dict[str, Any]]:
    kind, at_s = description.type, description.at_s
    entries = []
    if description.side == "local" and description.before:
        name = "createOfferOnSuccess" if kind == "offer" else "createAnswerOnSuccess"
        entries.append(_said(at_s, name, kind, description.before))
    name = "setLocalDescription" if description.side == "local" else "setRemoteDescription"
    entries.append(_said(at_s, name, kind, description.sdp))
    return entries


def _said(at_s: float, name: str, kind: str, sdp: str) -> dict[str, Any]:
    return {"type": name, "value": _json({"type": kind, "sdp": sdp}), "timestamp": 1000 * at_s}


def _entry(at_s: float, name: str, detail: str) -> dict[str, Any]:
    if name in {"icecandidate", "addIceCandidate"}:
        text = "" if detail == _END else detail
        line = f"{_PREFIX}{text.removeprefix(_PREFIX)}" if text else ""
        value = _json({"sdpMid": "0", "sdpMLineIndex": 0, "candidate": line})
    elif name in {"track", "addTrack"}:  # kind and id; analysers want label and streams, too
        value = _json([*detail.split(" ", 1), "", ""])
    elif name in {"datachannel", "createDataChannel"}:
        value = _json({"label": detail})
    elif name.endswith("statechange") or detail[:1] in {'"', "{", "["}:
        value = _json(detail)  # analysers take what begins so for JSON
    else:
        value = detail
    return {
        "type": f"on{name}" if name in FIRED else name,
        "value": value,
        "timestamp": 1000 * at_s,
    }


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _decoded(text: str) -> Any:
    """JSON where it looks like some, else the text; older Chromiums wrote `type: offer, sdp: …`."""
    if text[:1] in {'"', "{", "["}:
        try:
            return msgspec.json.decode(text)
        except msgspec.DecodeError:
            return text
    if text.startswith("type: ") and ", sdp: " in text:
        kind, _, sdp = text.removeprefix("type: ").partition(", sdp: ")
        return {"type": kind, "sdp": sdp}
    return text


def _detail(name: str, value: Any) -> str:
    if name in {"icecandidate", "addIceCandidate"}:
        if isinstance(value, dict):
            value = str(value.get("candidate") or "")
        elif isinstance(value, str) and "candidate: " in value:  # sdpMid: 0, …, candidate: …
            value = value.rpartition("candidate: ")[2].partition(", url")[0]
        return str(value or "").removeprefix(_PREFIX) or _END
    if name in {"track", "addTrack"}:  # rtcstats: a list of kind, id, label and streams
        if isinstance(value, dict):
            value = [value.get("kind", ""), value.get("id", "")]
        if isinstance(value, list):
            return " ".join(map(str, value[:2]))
    if isinstance(value, dict) and name in {"datachannel", "createDataChannel"}:
        return str(value.get("label", ""))
    if value is None or isinstance(value, str):
        return value or ""
    return _json(value)


def _kind(name: str) -> str:
    if name in _KINDS:
        return _KINDS[name]
    return next((kind for start, kind in _STARTS if name.startswith(start)), "peer")


def _tone(name: str, detail: str) -> str:
    if name.endswith("OnFailure"):
        return "bad"
    return _TONES.get(detail, "") if name.endswith("statechange") else ""
