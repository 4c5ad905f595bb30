"""What the tour does, step by step; each returns what was measured or raises StepFailed."""

import json
import time
from collections.abc import Awaitable, Callable

from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QTableView, QWidget

from peerdeck.core.ice import ProbeVerdict
from peerdeck.core.quantities import bitrate_text, bytes_text, countdown_text, milliseconds_text
from peerdeck.core.session import Phase, Session
from peerdeck.core.tunnel import LinkState
from peerdeck.gui.tour.commands import fetch_over_tunnel, ssh_over_tunnel
from peerdeck.gui.tour.driver import Driver, StepFailed
from peerdeck.gui.tour.session_steps import be_master, record
from peerdeck.services.status import Status

SAMPLES = 4
CAMERA = "front-door"
THING = "pump-07"
FAULT = "turn-silent"

Step = Callable[[Driver], Awaitable[str]]


async def sign_in(d: Driver) -> str:
    state = await d.until(
        lambda: d.console.account.state.value if d.console.account.state.value.usable else None,
        "signing in to the local cloud",
    )
    if not state.demo or state.identity is None:
        raise StepFailed("the account is not the demo's")
    return f"account {state.identity.account}, regions {', '.join(r.name for r in state.regions)}"


def _ready_channels(d: Driver) -> int | None:
    state = d.console.channels.state.value
    return len(state.channels) if state.status is Status.READY else None


async def list_channels(d: Driver) -> str:
    count = await d.until(lambda: _ready_channels(d), "the list of channels")
    rows = d.find(QTableView, "channels.table").model().rowCount()
    if rows != count or count < 5:
        raise StepFailed(f"the table shows {rows} of {count} channels")
    took = next(e.took_ms for e in d.console.journal.entries.value if e.kind == "channels")
    return f"{count} channels in {milliseconds_text(took or 0)}"


async def filter_channels(d: Driver) -> str:
    table = d.find(QTableView, "channels.table")
    before = table.model().rowCount()
    started = time.perf_counter()
    await d.type("channels.filter", CAMERA)
    took_ms = 1000 * (time.perf_counter() - started)
    shown = table.model().rowCount()
    if shown != 1:
        raise StepFailed(f"“{CAMERA}” shows {shown} rows")
    await d.type("channels.filter", "")
    return f"“{CAMERA}”: 1 of {before}, {milliseconds_text(took_ms)} for {len(CAMERA)} keys"


async def other_region(d: Driver) -> str:
    """There and back: the content must differ."""
    home, names = d.console.account.region.name, {}
    other = next(r.name for r in d.console.account.state.value.regions if r.name != home)
    for region in (other, home):
        await d.choose("account.region", region)
        if d.console.account.region.name != region:
            raise StepFailed(f"{region} was not taken")
        await d.until(lambda: _ready_channels(d), f"the channels of {region}")
        names[region] = {c.name for c in d.console.channels.state.value.channels}
    if names[home] & names[other]:
        raise StepFailed("both regions show the same channels")
    return f"{other} has {len(names[other])}, {home} has {len(names[home])} others"


async def pick_camera(d: Driver) -> str:
    await d.pick_row("channels.table", CAMERA)
    return CAMERA


async def fetch_ice(d: Driver) -> str:
    await pick_camera(d)
    await d.type("ice.client_id", "not allowed!")
    await d.click("ice.fetch")
    if d.console.ice.state.value.status is not Status.IDLE:
        raise StepFailed("a client id with a blank and “!” is sent")
    await d.type("ice.client_id", "tour-1")
    await d.click("ice.fetch")

    def fetched() -> float | None:
        state = d.console.ice.state.value
        return state.expires_at if state.status is Status.READY else None

    expires_at = await d.until(fetched, "the ICE configuration")
    uris = [uri for server in d.console.ice.state.value.servers for uri in server.uris]
    kinds = ", ".join(sorted({f"{uri.scheme}/{uri.transport}" for uri in uris}))
    return f"{len(uris)} URIs ({kinds}), {countdown_text(expires_at - time.time())} left"


async def test_ice(d: Driver) -> str:
    await d.click("ice.test")

    def tested() -> tuple[int, float] | None:
        state = d.console.ice.state.value
        if state.testing or not state.probes:
            return None
        good = [p for p in state.probes.values() if p.verdict is ProbeVerdict.OK]
        if len(good) != len(state.probes):
            raise StepFailed("; ".join(f"{p.uri} {p.reason}" for p in state.probes.values()))
        return len(good), max(p.rtt_ms or 0.0 for p in good)

    count, slowest = await d.until(tested, "the verdicts of all ICE servers")
    await d.picture("1-channels")
    return f"{count} of {count} work, slowest {milliseconds_text(slowest)}"


async def break_and_mend(d: Driver) -> str:
    """A firewall swallows TURN, the test says so, and it ends."""
    await d.click("account.demo")
    await d.click(f"demo.fault.{FAULT}")
    await d.until(lambda: bool(d.console.faults.state.value.active), "the fault")
    await d.picture("2-faults")
    await d.click("demo.faults.close")
    verdicts = await _verdicts(d)
    silent = [uri for uri, verdict in verdicts.items() if verdict is ProbeVerdict.SILENT]
    if silent != [uri for uri in verdicts if uri.startswith("turn")] or not silent:
        raise StepFailed(f"with silent TURN the servers are {verdicts}")
    await d.picture("3-silent-turn")
    await d.click("demo.faults.end")
    await d.until(lambda: not d.console.faults.state.value.active, "the end of the fault")
    mended = await _verdicts(d)
    if set(mended.values()) != {ProbeVerdict.OK}:
        raise StepFailed(f"with all faults off the servers are {mended}")
    return f"{len(silent)} of {len(verdicts)} fell silent, all {len(mended)} work again"


async def _verdicts(d: Driver) -> dict[str, ProbeVerdict]:
    """What a test of the ICE servers says now, by URI in their order."""
    await d.click("ice.test")

    def tested() -> dict[str, ProbeVerdict] | None:
        state = d.console.ice.state.value
        uris = [uri.text for server in state.servers for uri in server.uris]
        done = not state.testing and len(state.probes) == len(uris)
        return {uri: state.probes[uri].verdict for uri in uris} if done else None

    return await d.until(tested, "the verdicts of all ICE servers")


async def copy_ice(d: Driver) -> str:
    await d.click("ice.copy")
    clipboard = QGuiApplication.clipboard()
    servers = json.loads(clipboard.text())
    clipboard.clear()
    if not any(server.get("credential") for server in servers):
        raise StepFailed("the clipboard holds no credentials")
    return f"{len(servers)} RTCIceServer entries"


def _session(d: Driver) -> Session:
    sessions = d.console.sessions.state.value
    if not sessions:
        raise StepFailed("there is no session")
    if sessions[-1].problem is not None:
        raise StepFailed(str(sessions[-1].problem))
    return sessions[-1]


async def join(d: Driver) -> str:
    await d.click("channel.join")

    def first_frame() -> float | None:
        return next((s.at_ms for s in _session(d).steps if s.name == "First frame"), None)

    took_ms = await d.until(first_frame, "the first frame")
    view = d.find(QWidget, "sessions.video")
    before = view.grab().toImage()
    for name in ("Plots", "Timeline", "Data"):
        await d.show_view(name)
    await d.show_view("Plots")
    await d.until(lambda: view.grab().toImage() != before, "a moving picture")
    return f"click to first frame {milliseconds_text(took_ms)}"


async def statistics(d: Driver) -> str:
    def measured() -> Session | None:
        session = _session(d)
        enough = len(d.console.sessions.history(session.id)) >= SAMPLES
        return session if enough and session.telemetry else None

    session = await d.until(measured, "the statistics")
    stats = session.stats
    if stats is None or not stats.bitrate_in_bps or not stats.fps or stats.pair is None:
        raise StepFailed(f"the figures are empty: {stats}")
    await d.picture("4-session")
    await d.show_view("Timeline")
    await d.picture("5-session-timeline")
    rtt = milliseconds_text(stats.rtt_ms) if stats.rtt_ms is not None else "–"
    return (
        f"{stats.width}×{stats.height} {stats.codec} {stats.fps:.0f} fps, "
        f"↓ {bitrate_text(stats.bitrate_in_bps)}, RTT {rtt}, lost {stats.packets_lost}, "
        f"{stats.pair.path}, {session.messages} telemetry messages"
    )


async def leave_and_rejoin(d: Driver) -> str:
    first = _session(d)
    started = time.perf_counter()
    await d.click("sessions.leave")
    await d.until(
        lambda: all(s.phase is Phase.LEFT for s in d.console.sessions.state.value), "leaving"
    )
    left_ms = 1000 * (time.perf_counter() - started)
    await d.click("sessions.message.rejoin")
    took_ms = await d.until(
        lambda: next((s.at_ms for s in _session(d).steps if s.name == "First frame"), None),
        "the first frame of the second join",
    )
    if _session(d).client_id == first.client_id:
        raise StepFailed("the client id was used again")
    return f"left in {milliseconds_text(left_ms)}, first frame {milliseconds_text(took_ms)}"


async def open_tunnel(d: Driver) -> str:
    await d.click("rail.tunnels")
    await d.until(
        lambda: d.console.tunnels.state.value.status is Status.READY, "the list of tunnels"
    )
    before = {tunnel.id for tunnel in d.console.tunnels.state.value.tunnels}
    await d.click("tunnels.open")
    await d.type("tunnels.form.thing", THING)
    await d.type("tunnels.form.services", "SSH, HTTP")
    await d.type("tunnels.form.description", "Shown on the tour")
    await d.type("tunnels.form.tags", "team=field-service")
    await d.type("tunnels.form.lifetime", "60")
    await d.picture("6-open-tunnel")
    await d.click("tunnels.form.submit")

    def opened() -> str | None:
        ids = {tunnel.id for tunnel in d.console.tunnels.state.value.tunnels}
        return next(iter(ids - before), None)

    tunnel_id = await d.until(opened, "the new tunnel")
    state = d.console.tunnels.state.value
    return f"{THING} {tunnel_id[:8]}…, tokens in {state.secrets_where}"


def tour_ports(d: Driver) -> dict[str, int] | None:
    """Local ports of the tour's tunnel while it is ready."""
    for tunnel_id, link in d.console.tunnels.state.value.links.items():
        tunnel = d.console.tunnels.state.value.by_id(tunnel_id)
        if tunnel and tunnel.description == "Shown on the tour":
            if link.problem is not None:
                raise StepFailed(str(link.problem))
            if link.link.state is LinkState.READY:
                return {service.service: service.port for service in link.link.services}
    return None


async def connect_tunnel(d: Driver) -> str:
    await d.click("tunnels.connect")
    ports = await d.until(lambda: tour_ports(d), "the tunnel's local ports")
    return ", ".join(f"{service} on 127.0.0.1:{port}" for service, port in ports.items())


async def use_tunnel(d: Driver) -> str:
    ports = tour_ports(d)
    if ports is None:
        raise StepFailed("the tunnel is not connected")
    page = await fetch_over_tunnel(ports["HTTP"])
    banner = await ssh_over_tunnel(ports["SSH"])

    def counted() -> int | None:
        links = d.console.tunnels.state.value.links.values()
        services = [s for link in links for s in link.link.services]
        return sum(s.bytes_down for s in services) if all(s.bytes_down for s in services) else None

    counted_bytes = await d.until(counted, "the tunnel's byte counters")
    await d.picture("7-tunnels")
    return f"{page}; {banner}; counted {bytes_text(counted_bytes)} down"


async def rotate_tunnel(d: Driver) -> str:
    before = tour_ports(d)
    started = time.perf_counter()
    await d.click("tunnels.rotate.both")
    await d.until(
        lambda: (
            any("Rotate" in e.what and e.ok for e in d.console.journal.entries.value)
            and tour_ports(d)
        ),
        "the tunnel with new tokens",
    )
    took_ms = 1000 * (time.perf_counter() - started)
    if tour_ports(d) != before:
        raise StepFailed("the local ports have changed")
    page = await fetch_over_tunnel((tour_ports(d) or {})["HTTP"])
    return f"same ports, {milliseconds_text(took_ms)}; {page}"


async def close_tunnel(d: Driver) -> str:
    await d.click("tunnels.close")
    await d.picture("8-close-tunnel")
    await d.click("tunnels.confirm.go")
    await d.until(
        lambda: any(
            tunnel.description == "Shown on the tour" and tunnel.status == "CLOSED"
            for tunnel in d.console.tunnels.state.value.tunnels
        ),
        "the end of the tunnel",
    )
    if tour_ports(d) is not None:
        raise StepFailed("the local proxy is still there")
    return "closed, local proxy gone"


async def journal(d: Driver) -> str:
    await d.click("rail.journal")
    rows = d.find(QTableView, "journal.table").model().rowCount()
    entries = d.console.journal.entries.value
    if rows != len(entries) or not rows:
        raise StepFailed(f"the journal shows {rows} of {len(entries)} entries")
    await d.picture("9-journal")
    return f"{rows} entries, {sum(not entry.ok for entry in entries)} failures"


STEPS: tuple[tuple[str, Step], ...] = (
    ("Sign in", sign_in),
    ("List channels", list_channels),
    ("Filter while typing", filter_channels),
    ("Change the region", other_region),
    ("Fetch ICE configuration", fetch_ice),
    ("Test ICE servers", test_ice),
    ("Copy as RTCIceServer", copy_ice),
    ("Break and mend it", break_and_mend),
    ("Join as viewer", join),
    ("Live statistics", statistics),
    ("Leave, join again", leave_and_rejoin),
    ("Record, look back", record),
    ("Be a channel's master", be_master),
    ("Open a tunnel", open_tunnel),
    ("Connect the local proxy", connect_tunnel),
    ("Use it: HTTP and SSH", use_tunnel),
    ("Rotate the tokens", rotate_tunnel),
    ("Close the tunnel", close_tunnel),
    ("Journal", journal),
)
