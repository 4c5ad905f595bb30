"""The tunnels of every region: their tokens, their life and who is connected.

The control plane opens, rotates and closes; the relay asks `admit()` before it upgrades a
WebSocket and reports with `connected()` and `disconnected()`. Rules: secure tunneling developer
guide, "Tunnel lifecycle" and "Resolving connectivity issues", and the V3 protocol guide,
"Protocol handshake".
"""

import hashlib
import re
import secrets
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from peerdeck.core.secret import Secret
from peerdeck.core.tunnel import MAX_LIFETIME_MIN, MAX_SERVICES, Mode
from peerdeck.localcloud.tunnel_records import Side, TunnelRecord

CLOSED_KEPT_S = 3 * 3600.0  # a closed tunnel stays listed for a while
MAX_OPEN = 2000  # per region
MAX_CLOSED = 1000  # per region; the oldest is forgotten first
MAX_TAGS = 200
_CLIENT_TOKEN = re.compile(r"[a-zA-Z0-9-]{32,128}")
_TOKEN_BYTES = 96


class Refused(Exception):
    """The relay must refuse the upgrade: HTTP status, and the reason in the service's words."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"{status} {reason}")
        self.status = status
        self.reason = reason


class TunnelLimitReachedError(Exception):
    """More tunnels, services or tags than an account may have; the message names which."""


class TunnelMissingError(LookupError):
    """No tunnel with that id in that region; the message is the service's."""


@dataclass(frozen=True, slots=True)
class Admission:
    """Leave to connect one side of a tunnel once.

    ends_at: POSIX seconds of the tunnel's end. generation: grows with each rotation of this side.
    serial: unique per admission, so that a late `disconnected()` cannot hide a newer connection.
    """

    tunnel_id: str
    region: str
    services: tuple[str, ...]
    mode: Mode
    ends_at: float
    generation: int
    serial: int


@dataclass(frozen=True, slots=True)
class OpenedTunnel:
    """What a device hears over MQTT: a tunnel was opened to it, or its token was rotated."""

    tunnel_id: str
    thing: str
    region: str
    services: tuple[str, ...]
    access_token: Secret


class TunnelRegistry:
    """Owns every tunnel of the account.

    on_revoked(tunnel_id, mode): connections of that side (None: of both) must end now.
    on_opened(event): stands in for the device's MQTT subscription. Both are called at once, on the
    caller's thread; a listener must not raise.
    """

    def __init__(self, account: str, *, clock: Callable[[], float] = time.time) -> None:
        self._account = account
        self._clock = clock
        self._regions: dict[str, dict[str, TunnelRecord]] = {}
        self._by_id: dict[str, TunnelRecord] = {}
        self._by_token: dict[bytes, tuple[str, Mode]] = {}
        self._serial = 0
        self.on_revoked: list[Callable[[str, Mode | None], None]] = []
        self.on_opened: list[Callable[[OpenedTunnel], None]] = []

    def open(
        self,
        region: str,
        *,
        thing: str = "",
        services: tuple[str, ...] = (),
        description: str = "",
        tags: Mapping[str, str] | None = None,
        lifetime_min: int = MAX_LIFETIME_MIN,
        announce: bool = True,
        age_s: float = 0.0,
    ) -> tuple[TunnelRecord, Secret, Secret]:
        """Returns the tunnel and its source and destination access tokens.

        announce: tell the thing (on_opened). age_s: how long ago it was opened; for seeds.
        Raises TunnelLimitReachedError.
        """
        self.expire()
        tunnels = self._regions.setdefault(region, {})
        if len(services) > MAX_SERVICES:
            raise TunnelLimitReachedError(
                "The number of services exceeds the limit of 3 per tunnel."
            )
        if sum(record.closed_at is None for record in tunnels.values()) >= MAX_OPEN:
            raise TunnelLimitReachedError(
                "The number of open tunnels exceeds the limit of the account."
            )
        now = self._clock() - age_s
        tunnel_id = str(uuid.UUID(bytes=secrets.token_bytes(16), version=4))
        record = TunnelRecord(
            id=tunnel_id,
            arn=f"arn:aws:iot:{region}:{self._account}:tunnel/{tunnel_id}",
            region=region,
            thing=thing,
            services=services,
            description=description,
            tags=dict(tags or {}),
            lifetime_min=lifetime_min,
            created_at=now,
            updated_at=now,
        )
        tunnels[tunnel_id] = self._by_id[tunnel_id] = record
        source, destination = (
            self._new_token(record, Mode.SOURCE),
            self._new_token(record, Mode.DESTINATION),
        )
        if announce:
            self._announce(record, destination)
        return record, source, destination

    def rotate(
        self,
        region: str,
        tunnel_id: str,
        modes: Iterable[Mode],
        *,
        thing: str = "",
        services: tuple[str, ...] = (),
    ) -> tuple[TunnelRecord, dict[Mode, Secret]]:
        """New tokens for `modes`; the old ones die with their connections.

        thing, services: a new destination; "" and () leave it. The tunnel's end stays.
        Raises TunnelMissingError, also for a closed tunnel, and TunnelLimitReachedError.
        """
        record = self.get(region, tunnel_id)
        if record.closed_at is not None:
            raise TunnelMissingError(f"Tunnel {tunnel_id} is closed.")
        _check_services(services)
        record.thing = thing or record.thing
        record.services = services or record.services
        record.updated_at = self._clock()
        tokens = {mode: self._new_token(record, mode) for mode in modes}
        for mode in tokens:
            self._revoke(tunnel_id, mode)
        if Mode.DESTINATION in tokens:
            self._announce(record, tokens[Mode.DESTINATION])
        return record, tokens

    def close(self, region: str, tunnel_id: str, *, delete: bool = False) -> None:
        """Closing it again is fine; `delete` forgets it at once. Raises TunnelMissingError."""
        record = self.get(region, tunnel_id)
        self._close(record, self._clock())
        if delete:
            self._forget(record)

    def get(self, region: str, tunnel_id: str) -> TunnelRecord:
        """Raises TunnelMissingError."""
        self.expire()
        record = self._regions.get(region, {}).get(tunnel_id)
        if record is None:
            raise TunnelMissingError(f"Tunnel {tunnel_id} not found.")
        return record

    def by_arn(self, region: str, arn: str) -> TunnelRecord:
        """Raises TunnelMissingError."""
        record = self._regions.get(region, {}).get(arn.rpartition("/")[2])
        if record is None or record.arn != arn:
            raise TunnelMissingError(f"Resource {arn} not found.")
        return self.get(region, record.id)

    def tunnels(self, region: str, thing: str = "") -> list[TunnelRecord]:
        """The region's tunnels, the newest first; `thing` "" means every thing."""
        self.expire()
        records = [r for r in self._regions.get(region, {}).values() if thing in {"", r.thing}]
        return sorted(records, key=lambda record: (-record.created_at, record.id))

    def records(self) -> tuple[TunnelRecord, ...]:
        """Every tunnel of every region."""
        return tuple(self._by_id.values())

    def put(self, record: TunnelRecord) -> None:
        """Adds a record as it is, for instance one from before a restart; nobody is connected."""
        for mode, side in record.sides.items():
            side.connected = None
            self._by_token[side.token] = (record.id, mode)
        self._regions.setdefault(record.region, {})[record.id] = record
        self._by_id[record.id] = record

    def tag(self, record: TunnelRecord, tags: Mapping[str, str]) -> None:
        """Adds or replaces; raises TunnelLimitReachedError beyond 200."""
        if len(record.tags.keys() | tags.keys()) > MAX_TAGS:
            raise TunnelLimitReachedError(
                "The number of tags exceeds the limit of 200 per resource."
            )
        record.tags.update(tags)
        record.updated_at = self._clock()

    def untag(self, record: TunnelRecord, keys: Iterable[str]) -> None:
        for key in keys:
            record.tags.pop(key, None)
        record.updated_at = self._clock()

    def admit(self, mode: Mode, access_token: str, client_token: str | None) -> Admission:
        """Spends the access token; raises Refused with the service's status and words.

        "An access token can be used once, unless a client token is used with it": then the same
        pair may connect again (V3 protocol guide, "Protocol handshake").
        """
        self.expire()
        if client_token is not None and not _CLIENT_TOKEN.fullmatch(client_token):
            raise Refused(400, "Invalid client token: It must match ^[a-zA-Z0-9-]{32,128}$.")
        known = self._by_token.get(_digest(access_token))
        if known is None:
            raise Refused(400, "Invalid access token: The access token is not valid.")
        tunnel_id, token_mode = known
        record = self._by_id[tunnel_id]
        if record.closed_at is not None:
            raise Refused(400, "Invalid tunnel: Tunnel is closed.")
        if token_mode is not mode:
            raise Refused(
                400, f"Invalid access token: The access token is not for {mode.value} mode."
            )
        self._spend(record, mode, client_token)
        self._serial += 1
        return Admission(
            tunnel_id=tunnel_id,
            region=record.region,
            services=record.services,
            mode=mode,
            ends_at=record.ends_at,
            generation=record.sides[mode].generation,
            serial=self._serial,
        )

    def connected(self, admission: Admission) -> None:
        """The side's WebSocket is up; it displaces an older connection in DescribeTunnel."""
        side = self._current_side(admission)
        if side is not None:
            side.connected, side.changed_at = admission.serial, self._clock()

    def disconnected(self, admission: Admission) -> None:
        """Idempotent; says nothing of a newer connection of the same side."""
        side = self._current_side(admission)
        if side is not None and side.connected == admission.serial:
            side.connected, side.changed_at = None, self._clock()

    def is_valid(self, admission: Admission) -> bool:
        """Whether its tunnel is still open and its token was not rotated away."""
        self.expire()
        return self._current_side(admission) is not None

    def expire(self) -> None:
        """Closes tunnels past their end and forgets those closed long ago."""
        now = self._clock()
        for tunnels in self._regions.values():
            for record in tuple(tunnels.values()):
                if record.closed_at is None and now >= record.ends_at:
                    self._close(record, record.ends_at)
                if record.closed_at is not None and now >= record.closed_at + CLOSED_KEPT_S:
                    self._forget(record)

    def next_end(self) -> float | None:
        """When the next open tunnel reaches its end, POSIX seconds."""
        ends = [record.ends_at for record in self._by_id.values() if record.closed_at is None]
        return min(ends, default=None)

    def _spend(self, record: TunnelRecord, mode: Mode, client_token: str | None) -> None:
        side = record.sides[mode]
        client = _digest(client_token) if client_token is not None else b""
        if side.used:
            if not side.client_token or not client:
                raise Refused(
                    400,
                    "Invalid access token: The access token was previously used "
                    "and cannot be used again.",
                )
            if not secrets.compare_digest(side.client_token, client):
                raise Refused(
                    400,
                    "Invalid client token: The client token does not match the one "
                    "that was used with this access token.",
                )
        elif client and self._client_token_is_taken(client):
            raise Refused(
                400, "Invalid client token: The client token is in use by another open tunnel."
            )
        side.used, side.client_token = True, client

    def _client_token_is_taken(self, client: bytes) -> bool:
        return any(
            side.client_token == client
            for record in self._by_id.values()
            if record.closed_at is None
            for side in record.sides.values()
        )

    def _new_token(self, record: TunnelRecord, mode: Mode) -> Secret:
        side = record.sides[mode]
        self._by_token.pop(side.token, None)
        text = secrets.token_urlsafe(_TOKEN_BYTES)
        changed_at = self._clock() if side.connected is not None else side.changed_at
        record.sides[mode] = Side(side.generation + 1, None, changed_at, _digest(text))
        self._by_token[_digest(text)] = (record.id, mode)
        return Secret(text)

    def _current_side(self, admission: Admission) -> Side | None:
        record = self._by_id.get(admission.tunnel_id)
        if record is None or record.closed_at is not None:
            return None
        side = record.sides[admission.mode]
        return side if side.generation == admission.generation else None

    def _close(self, record: TunnelRecord, at: float) -> None:
        if record.closed_at is not None:
            return
        record.closed_at = record.updated_at = at
        for side in record.sides.values():
            if side.connected is not None:
                side.connected, side.changed_at = None, at
        self._revoke(record.id, None)
        closed = [r for r in self._regions[record.region].values() if r.closed_at is not None]
        if len(closed) > MAX_CLOSED:
            self._forget(min(closed, key=lambda r: r.closed_at or 0.0))

    def _forget(self, record: TunnelRecord) -> None:
        self._regions[record.region].pop(record.id, None)
        self._by_id.pop(record.id, None)
        for side in record.sides.values():
            self._by_token.pop(side.token, None)

    def _revoke(self, tunnel_id: str, mode: Mode | None) -> None:
        for listener in tuple(self.on_revoked):
            listener(tunnel_id, mode)

    def _announce(self, record: TunnelRecord, token: Secret) -> None:
        if not record.thing:
            return
        event = OpenedTunnel(record.id, record.thing, record.region, record.services, token)
        for listener in tuple(self.on_opened):
            listener(event)


def _check_services(services: tuple[str, ...]) -> None:
    if len(services) > MAX_SERVICES:
        raise TunnelLimitReachedError("The number of services exceeds the limit of 3 per tunnel.")


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode(errors="surrogatepass")).digest()
