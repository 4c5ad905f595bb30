"""The tunnel's data path beside raw TCP over as many hops, and beside `ssh -L` over one fewer.

    load → source proxy → relay → destination proxy → sink      TLS 1.3, loopback
    load → forwarder → forwarder → forwarder → sink             raw TCP, plain asyncio
    load → ssh -L → sshd → sink

Every part is a process of its own and they take turns within each round. The relay is one made for
this benchmark: it passes WebSocket frames on without looking into them. Debian's openssh-server has
to be installed; no running service of it is used.
"""

import contextlib
import selectors
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).parent))
from figures import Figure, at_least, median_of, options, report
from tunnel_parts import KIB, MIB, Part, give, take
from tunnel_ssh import ssh_forward

LINK_BYTES_PER_S = 1_000_000
KEYSTROKE = bytes(range(64))


@dataclass
class Way:
    """One way from load to sinks. ports: of ECHO and BULK. pids: of what carries the bytes."""

    name: str
    ports: dict[str, int]
    pids: tuple[int, ...] = ()
    values: dict[str, list[float]] = field(default_factory=dict)

    def add(self, figure: str, value: float) -> None:
        self.values.setdefault(figure, []).append(value)

    def cpu_s(self) -> float:
        parts = [psutil.Process(pid) for pid in self.pids]
        parts += [child for part in parts for child in part.children(recursive=True)]
        return sum(sum(part.cpu_times()[:2]) for part in parts)


# Loads


def connect(port: int) -> socket.socket:
    made = socket.create_connection(("127.0.0.1", port), 60)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return made


def upload(port: int, size: int) -> None:
    with connect(port) as client:
        client.sendall(b"U%016x" % size)
        give(client, size)
        assert client.recv(1) == b"K"


def download(port: int, size: int) -> None:
    with connect(port) as client:
        client.sendall(b"D%016x" % size)
        take(client, size)


def exchange(client: socket.socket, data: bytes = KEYSTROKE) -> float:
    """Milliseconds until all of it is back."""
    began = time.perf_counter()
    client.sendall(data)
    back = client.recv(len(data), socket.MSG_WAITALL)
    took = time.perf_counter() - began
    assert back == data
    return 1000 * took


def exchanges(port: int, count: int, seconds: float = 60.0) -> list[float]:
    """`count` of them, fewer where they take longer than `seconds`."""
    with connect(port) as client:
        exchange(client)
        end = time.monotonic() + seconds
        times = []
        while len(times) < count and time.monotonic() < end:
            times.append(exchange(client))
    return times


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def connects_per_s(port: int, count: int) -> float:
    began = time.perf_counter()
    for _ in range(count):
        with connect(port) as client:
            exchange(client)
    return count / (time.perf_counter() - began)


def burst_s(port: int, count: int) -> float:
    """All at once: connect, send, read; until the last echo is there."""
    began = time.perf_counter()
    with many(port, count) as clients:
        speak(clients, lambda number: b"%08d" % number * 8)
        return time.perf_counter() - began


@contextlib.contextmanager
def many(port: int, count: int) -> Iterator[list[socket.socket]]:
    clients = []
    try:
        for _ in range(count):
            client = socket.socket()
            client.setblocking(False)
            client.connect_ex(("127.0.0.1", port))
            clients.append(client)
        yield clients
    finally:
        for client in clients:
            client.close()


def speak(clients: list[socket.socket], words: Callable[[int], bytes]) -> None:
    """Each sends its own words once it is connected; raises where another's come back."""
    waiting = {client: words(number) for number, client in enumerate(clients)}
    heard = dict.fromkeys(clients, b"")
    with selectors.DefaultSelector() as selector:
        for client in clients:
            selector.register(client, selectors.EVENT_WRITE)
        end = time.monotonic() + 120
        while waiting:
            if time.monotonic() > end:
                raise TimeoutError(f"{len(waiting)} connections were not served")
            for key, events in selector.select(1):
                client = key.fileobj
                assert isinstance(client, socket.socket)
                if events & selectors.EVENT_WRITE:
                    client.sendall(waiting[client])
                    selector.modify(client, selectors.EVENT_READ)
                    continue
                data = client.recv(65536)
                heard[client] += data
                if not data or not waiting[client].startswith(heard[client]):
                    raise AssertionError("wrong bytes came back")
                if heard[client] == waiting[client]:
                    selector.unregister(client)
                    del waiting[client]


# Memory


def resident(pid: int, *, peak: bool = False) -> int:
    """Bytes; peak: the most since `forget_peak()`."""
    name = "VmHWM:" if peak else "VmRSS:"
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1]) * KIB
    raise AssertionError(name)


def forget_peak(pid: int) -> None:
    Path(f"/proc/{pid}/clear_refs").write_text("5")


# Rounds


class Bench:
    """Everything that runs; `stack` ends it."""

    def __init__(self, stack: contextlib.ExitStack, folder: Path) -> None:
        self.stack = stack
        self.echo = self.part("echo").facts["port"]
        self.bulk = self.part("bulk").facts["port"]
        self.targets = {"ECHO": self.echo, "BULK": self.bulk}
        self.relay = self.part("relay")
        self.ours = self.tunnel("asyncio", "proxy")
        self.ssh = Way("ssh -L", *stack.enter_context(ssh_forward(folder, self.targets)))
        self.raw = Way("raw TCP", {"ECHO": self.hops(self.echo)[0]})
        self.raw.ports["BULK"], self.raw.pids = self.hops(self.bulk)

    def part(self, role: str, **arguments: object) -> Part:
        made = Part(role, **arguments)
        self.stack.callback(made.stop)
        return made

    def hops(self, port: int) -> tuple[int, tuple[int, ...]]:
        """(where the first of three forwarders listens, the processes of all)."""
        parts = []
        for _ in range(3):
            parts.append(self.part("hop", to=port))
            port = parts[-1].facts["port"]
        return port, tuple(part.pid for part in parts)

    def tunnel(self, name: str, role: str, rate: float = 0.0) -> Way:
        """rate: of a link in front of the source, bytes per second; 0: none."""
        facts = self.relay.facts
        common = {"ca": facts["ca"], "token": name}
        port = facts["port"]
        near = self.part("hop", to=port, rate=rate).facts["port"] if rate else port
        far = self.part(role, mode="destination", port=port, targets=self.targets, **common)
        source = self.part(role, mode="source", port=near, **common)
        return Way(name, source.facts["ports"], (source.pid, far.pid))


def bulk_round(ways: list[Way], size: int) -> None:
    for load in (upload, download):
        for way in ways:
            cpu, began = way.cpu_s(), time.perf_counter()
            load(way.ports["BULK"], size)
            took = time.perf_counter() - began
            way.add(f"{load.__name__} MiB/s", size / MIB / took)
            way.add(f"{load.__name__} cpu", (way.cpu_s() - cpu) / (size / (1 << 30)))


def latency_round(ways: list[Way], count: int) -> None:
    for way in ways:
        times = exchanges(way.ports["ECHO"], count)
        way.add("idle p50", percentile(times, 0.50))
        way.add("idle p99", percentile(times, 0.99))
    for way in ways:
        during_bulk(way, "busy", count)


def during_bulk(way: Way, figure: str, count: int, settle_s: float = 0.5) -> None:
    load = Part("pour", port=way.ports["BULK"])
    try:
        time.sleep(settle_s)  # the transfer is to be in full flow
        times = exchanges(way.ports["ECHO"], count, 8)
    finally:
        load.process.kill()
        load.stop()
    way.add(f"{figure} p50", percentile(times, 0.50))
    way.add(f"{figure} p99", percentile(times, 0.99))
    settle(way)


def settle(way: Way) -> None:
    """Until what the killed load left behind has gone through."""
    for _ in range(100):
        if exchanges(way.ports["ECHO"], 3)[-1] < 5:
            return
        time.sleep(0.1)


def connection_round(ways: list[Way], count: int) -> None:
    for way in ways:
        way.add("connects", connects_per_s(way.ports["ECHO"], count))
    for way in ways:
        way.add("burst", burst_s(way.ports["ECHO"], 200))


def peak_memory_mib(way: Way, size: int) -> float:
    """What both proxies together grow by, from fresh, while `size` bytes pass each way."""
    before = {pid: resident(pid) for pid in way.pids}
    for pid in way.pids:
        forget_peak(pid)
    upload(way.ports["BULK"], size)
    download(way.ports["BULK"], size)
    return sum(resident(pid, peak=True) - before[pid] for pid in way.pids) / MIB


def kib_per_connection(way: Way, count: int) -> tuple[float, float]:
    """(source, destination); every connection sends and gets back 4 KiB of its own, twice."""
    speak_to(way, 100)
    before = [resident(pid) for pid in way.pids]
    with many(way.ports["ECHO"], count) as clients:
        for turn in range(2):
            speak(clients, lambda number, turn=turn: b"%08d" % (number + turn) * 512)
        after = [resident(pid) for pid in way.pids]
    each = [(b - a) / count / KIB for a, b in zip(before, after, strict=True)]
    return each[0], each[1]


def speak_to(way: Way, count: int) -> None:
    with many(way.ports["ECHO"], count) as clients:
        speak(clients, lambda number: b"%08d" % number)


def ratio(above: list[float], below: list[float]) -> list[float]:
    return [a / b for a, b in zip(above, below, strict=True)]


def figures_of(bench: Bench, window: Way, memory: dict[str, list[float]]) -> list[Figure]:
    ours, ssh, raw = bench.ours.values, bench.ssh.values, bench.raw.values
    rows = []
    for way in ("upload", "download"):
        rows += [
            at_least(f"{way}, one connection", ours[f"{way} MiB/s"], "MiB/s", 300),
            median_of(f"{way}, ssh -L", ssh[f"{way} MiB/s"], "MiB/s"),
            median_of(f"{way}, raw TCP", raw[f"{way} MiB/s"], "MiB/s"),
            at_least(
                f"{way}, ours / ssh", ratio(ours[f"{way} MiB/s"], ssh[f"{way} MiB/s"]), "×", 0.75
            ),
            median_of(f"{way}, both proxies, asyncio", ours[f"{way} cpu"], "CPU s/GiB", 2.8),
            median_of(
                f"{way}, both proxies, app's loop", window.values[f"{way} cpu"], "CPU s/GiB", 3.4
            ),
            median_of(f"{way}, ssh and sshd", ssh[f"{way} cpu"], "CPU s/GiB"),
            median_of(f"{way}, three TCP forwarders", raw[f"{way} cpu"], "CPU s/GiB"),
        ]
    targets = {"idle p50": 0.345, "idle p99": 0.9, "busy p50": 3.0, "busy p99": 20.0}
    for name, target in targets.items():
        rows += [
            median_of(f"exchange {name}", ours[name], "ms", target),
            median_of(f"exchange {name}, ssh -L", ssh[name], "ms"),
            median_of(f"exchange {name}, raw TCP", raw[name], "ms"),
        ]
    rows += [
        median_of("exchange, bulk at 1 MB/s, p50", memory["slow p50"], "ms"),
        median_of("exchange, bulk at 1 MB/s, p99", memory["slow p99"], "ms", 300),
        at_least("connect+echo+close", ours["connects"], "/s", 1000),
        median_of("connect+echo+close, ssh -L", ssh["connects"], "/s"),
        median_of("connect+echo+close, raw TCP", raw["connects"], "/s"),
        median_of("burst of 200", ours["burst"], "s", 0.3),
        median_of("burst of 200, ssh -L", ssh["burst"], "s"),
        median_of("peak memory while bulk passes both ways, both", memory["peak"], "MiB", 16),
        median_of("5,000 connections, source, each", memory["source"], "KiB", 25),
        median_of("5,000 connections, destination, each", memory["destination"], "KiB", 25),
    ]
    return rows


def measure(bench: Bench, quick: bool) -> list[Figure]:
    rounds, size, count = (3, 256 * MIB, 400) if quick else (7, 1024 * MIB, 2000)
    ways = [bench.raw, bench.ssh, bench.ours]
    window = bench.tunnel("app's loop", "window")
    slow = bench.tunnel("slow", "proxy", LINK_BYTES_PER_S)
    memory: dict[str, list[float]] = {"peak": [], "source": [], "destination": []}
    for way in (*ways, window):
        upload(way.ports["BULK"], 32 * MIB)
    for _ in range(rounds):
        bulk_round([*ways, window], size)
        latency_round(ways, count)
        connection_round(ways, count)
    for _ in range(1 if quick else 3):
        during_bulk(slow, "slow", 60, 3.0)
        turn = len(memory["peak"])
        memory["peak"].append(peak_memory_mib(bench.tunnel(f"peak {turn}", "proxy"), size))
        source, destination = kib_per_connection(bench.tunnel(f"many {turn}", "proxy"), 5000)
        memory["source"].append(source)
        memory["destination"].append(destination)
    return figures_of(bench, window, memory | slow.values)


def main() -> int:
    chosen = options(__doc__ or "")
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        figures = measure(Bench(stack, Path(folder)), chosen.quick)
    return report(figures, chosen.json)


if __name__ == "__main__":
    sys.exit(main())
