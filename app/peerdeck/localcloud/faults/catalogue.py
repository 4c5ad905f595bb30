"""Every fault there is, in the order in which a menu shows them."""

from dataclasses import replace
from typing import TYPE_CHECKING

from peerdeck.core.channel import Role
from peerdeck.core.tunnel import Mode
from peerdeck.localcloud.control_faults import EVERY_OPERATION
from peerdeck.localcloud.faults.fault import Choice, Fault, Number, Values
from peerdeck.localcloud.sigv4 import AccessKey
from peerdeck.localcloud.turn.faults import Path

if TYPE_CHECKING:
    from peerdeck.localcloud.cloud import LocalCloud

_AT_ONCE = "Over at once; nothing needs switching off."
_OPERATIONS = (
    EVERY_OPERATION,
    "GetCallerIdentity",
    "ListSignalingChannels",
    "GetSignalingChannelEndpoint",
    "GetIceServerConfig",
    "ConnectAsViewer",
    "ConnectAsMaster",
    "ListTunnels",
    "OpenTunnel",
    "RotateTunnelAccessToken",
    "CloseTunnel",
)
_SIDES = {"everyone": None, "master": Role.MASTER, "viewer": Role.VIEWER}
_MODES = {"both": None, "source": Mode.SOURCE, "destination": Mode.DESTINATION}


def catalogue(cloud: "LocalCloud") -> tuple[Fault, ...]:
    """The faults of a started `cloud`."""
    groups = {
        "Account": _account,
        "Signaling": _signaling,
        "STUN and TURN": _turn,
        "Tunnels": _tunnels,
    }
    return tuple(
        replace(fault, group=group) for group, faults in groups.items() for fault in faults(cloud)
    )


def _account(cloud: "LocalCloud") -> tuple[Fault, ...]:
    faults = cloud.door.faults
    keys = _UserKeys(cloud)

    def skew(values: Values) -> None:
        faults.ahead_s = float(values["ahead_s"])
        keys.change(ahead_s=faults.ahead_s)

    def unskew() -> None:
        faults.ahead_s = 0.0
        keys.change(ahead_s=0.0)

    operation = Choice(
        "operation",
        "The operation, or “*” for every one.",
        EVERY_OPERATION,
        suggestions=_OPERATIONS,
    )
    return (
        Fault(
            "throttle",
            "Too many requests",
            "AWS answers that the rate is exceeded.",
            lambda values: setattr(faults, "throttled", values["operation"]),
            lambda: setattr(faults, "throttled", ""),
            (operation,),
        ),
        Fault(
            "deny",
            "Access denied",
            "The user's policy lacks an action; the answer names it.",
            lambda values: setattr(faults, "denied", values["operation"]),
            lambda: setattr(faults, "denied", ""),
            (replace(operation, default="GetIceServerConfig"),),
        ),
        Fault(
            "expired-credentials",
            "Credentials expired",
            "Temporary credentials ran out: what worked a moment ago is refused.",
            lambda _: keys.change(expires_at=0.0),
            lambda: keys.change(expires_at=None),
        ),
        Fault(
            "clock-skew",
            "Clock is wrong",
            "This computer's clock and AWS's differ: signatures are refused.",
            skew,
            unskew,
            (Number("ahead_s", "How far AWS's clock is ahead, seconds.", 900, -86_400, 86_400),),
        ),
    )


class _UserKeys:
    """The keys that users have, as faults change them; the devices' own stays as it is."""

    def __init__(self, cloud: "LocalCloud") -> None:
        self._cloud = cloud
        self._expiry: dict[str, float | None] = {}

    def change(self, *, ahead_s: float | None = None, expires_at: float | None = None) -> None:
        """Exactly one of both counts: ahead_s where it is given; expires_at None restores."""
        keys = self._cloud.state.keys
        for name, key in tuple(keys.items()):
            if name != self._cloud.device_credentials.access_key:
                keys[name] = self._changed(name, key, ahead_s, expires_at)

    def _changed(
        self, name: str, key: AccessKey, ahead_s: float | None, expires_at: float | None
    ) -> AccessKey:
        if ahead_s is not None:
            return replace(key, clock_ahead_s=ahead_s)
        if expires_at is None:
            return replace(key, expires_at=self._expiry.get(name, key.expires_at))
        self._expiry.setdefault(name, key.expires_at)
        return replace(key, expires_at=expires_at)


def _signaling(cloud: "LocalCloud") -> tuple[Fault, ...]:
    door = cloud.door

    def announce(kind: str) -> None:
        for arn in {socket.endpoint.channel_arn for socket in door.sockets()}:
            cloud.signaling.announce(arn, kind)

    def send_master_away(_: Values) -> None:
        door.faults.no_master = True
        door.drop(Role.MASTER)

    whose = Choice("whose", "Whose sockets.", "everyone", tuple(_SIDES))
    return (
        Fault(
            "signaling-drop",
            "Signaling socket cut",
            "The network drops signaling connections; media goes on.",
            lambda values: door.drop(_SIDES[str(values["whose"])]),
            parameters=(whose,),
            end=_AT_ONCE,
        ),
        Fault(
            "signaling-stall",
            "Signaling socket stalls",
            "Signaling connections stay up, yet nothing comes or goes, pongs neither.",
            lambda _: door.stall(True),
            lambda: door.stall(False),
        ),
        Fault(
            "go-away",
            "GO_AWAY",
            "The service asks everyone to reconnect signaling within a minute; media goes on.",
            lambda _: announce("GO_AWAY"),
            end=_AT_ONCE,
        ),
        Fault(
            "reconnect-ice",
            "RECONNECT_ICE_SERVER",
            "The service asks everyone to fetch ICE servers again.",
            lambda _: announce("RECONNECT_ICE_SERVER"),
            end=_AT_ONCE,
        ),
        Fault(
            "master-offline",
            "Camera is offline",
            "No master is connected: offers wait and are never answered.",
            send_master_away,
            lambda: setattr(door.faults, "no_master", False),
            end="Ends when it is switched off; the camera is back within ten seconds.",
        ),
    )


def _turn(cloud: "LocalCloud") -> tuple[Fault, ...]:
    faults = cloud.turn.faults

    def spoil(values: Values) -> None:
        path = Path(
            float(values["loss_percent"]) / 100,
            float(values["delay_ms"]) / 1000,
            float(values["jitter_ms"]) / 1000,
        )
        faults.to_peer = path if values["direction"] == "upstream" else None
        faults.to_client = path if values["direction"] == "downstream" else None

    def mend() -> None:
        faults.to_peer = faults.to_client = None

    return (
        _flag(faults, "silent_stun", "stun-silent", "STUN is silent",
              "A firewall swallows STUN: no server-reflexive candidates, after a long wait."),
        _flag(faults, "silent_turn", "turn-silent", "TURN is silent",
              "A firewall swallows TURN: requests time out, and what is relayed stops."),
        _flag(faults, "no_allocations", "no-relay", "No relay",
              "TURN refuses allocations with 508: no relay candidates. Those there are go on."),
        _flag(faults, "forbidden", "turn-forbidden", "TURN forbids peers",
              "TURN gives relay candidates, then answers 403 Forbidden for every peer."),
        Fault(
            "relay-path",
            "Bad path through TURN",
            "What is relayed gets lost, late or out of order, in one direction.",
            spoil,
            mend,
            (
                Choice("direction", "From the TURN client, or to it.", "downstream",
                       ("upstream", "downstream")),
                Number("loss_percent", "Share of packets lost.", 10, 0, 100),
                Number("delay_ms", "Added to every packet.", 0, 0, 5000),
                Number("jitter_ms", "At most this much more, at random.", 0, 0, 5000),
            ),
        ),
    )  # fmt: skip


def _tunnels(cloud: "LocalCloud") -> tuple[Fault, ...]:
    relay = cloud.relay
    faults = relay.faults

    def v1_only(on: bool) -> None:
        """A device chooses when it connects: a rotated token makes the demo's own do so now."""
        faults.v1_only = on
        tunnels = cloud.state.tunnels
        for record in tunnels.records():
            connected = record.sides[Mode.DESTINATION].connected is not None
            if connected and record.thing in cloud.things:
                tunnels.rotate(record.region, record.id, (Mode.DESTINATION,))

    whose = Choice("whose", "Whose connections.", "both", tuple(_MODES))
    return (
        Fault(
            "tunnel-drop",
            "Tunnel connection cut",
            "The network drops tunnel connections; proxies reconnect.",
            lambda values: relay.drop(_MODES[str(values["whose"])]),
            parameters=(whose,),
            end=_AT_ONCE,
        ),
        Fault(
            "tunnel-stall",
            "Tunnel stalls",
            "Tunnel connections stay up, yet nothing comes or goes, pongs neither.",
            lambda _: relay.stall(True),
            lambda: relay.stall(False),
        ),
        _flag(faults, "token_used", "tunnel-token-used", "Tunnel token already used",
              "The service refuses a source: its access token was used before."),
        Fault(
            "tunnel-v1-device",
            "Device speaks V1 only",
            "The demo's devices speak version 1 of the tunnel protocol, as AWS's own client does.",
            lambda _: v1_only(True),
            lambda: v1_only(False),
        ),
        _flag(faults, "refuses", "tunnel-destination-refuses", "Device refuses connections",
              "Nothing listens on the device's port: each new connection is reset."),
        Fault(
            "tunnel-bandwidth",
            "Tunnel bandwidth is capped",
            "A tunnel carries no more than so much, both directions together.",
            lambda values: relay.cap(1000 * float(values["kilobytes_per_s"])),
            lambda: relay.cap(None),
            (Number("kilobytes_per_s", "Thousand bytes a second.", 100, 8, 1_000_000),),
        ),
        Fault(
            "relay-restart",
            "Tunnel relay restarts",
            "The service's relay goes away with every connection, and comes back.",
            lambda _: relay.suspend(),
            relay.resume,
            duration_s=5.0,
            end="Ends after the given time, or when it is switched off.",
        ),
    )  # fmt: skip


def _flag(switches: object, attribute: str, name: str, title: str, description: str) -> Fault:
    """A fault that one boolean makes."""
    return Fault(
        name,
        title,
        description,
        lambda _: setattr(switches, attribute, True),
        lambda: setattr(switches, attribute, False),
    )
