"""A small internet of network namespaces: viewer and camera, each behind a router, and the cloud.

    viewer ─ router ─ cloud ─ gate ─ camera

Packets between viewer and router can be held back by a user-space line (netem is not in every
kernel); loss, blocks, cuts and NAT are nftables' work on the routers, bandwidth is tc's.
"""

import asyncio
import contextlib
import fcntl
import itertools
import os
import re
import struct
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

VIEWER_V4, CLOUD_V4, CAMERA_V4 = "10.77.1.2", "10.77.2.2", "10.77.3.2"
ROUTER_V4 = "10.77.2.1"  # as the cloud sees it
VIEWER_V6, CLOUD_V6 = "fd77:1::2", "fd77:2::2"
_TUNSETIFF, _IFF_TUN, _IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
_COMMAND_S = 10
_NUMBERS = itertools.count(1)
_TABLE = """
table inet lab {
    chain cut {
    }
    chain block {
    }
    chain loss {
    }
    chain forward {
        type filter hook forward priority filter
        jump cut
        jump block
        jump loss
    }
    chain leaving {
        type nat hook postrouting priority srcnat
    }
}
"""


class NoNamespaces(AssertionError):
    """This machine cannot do what the tests need."""


def run(*command: str, text: str | None = None) -> str:
    """What it printed. Raises NoNamespaces with what it complained of."""
    try:
        done = subprocess.run(
            command, input=text, capture_output=True, text=True, timeout=_COMMAND_S, check=False
        )
    except FileNotFoundError as error:
        raise NoNamespaces(f"{error.filename} is missing: run packaging/dev network") from None
    if done.returncode:
        raise NoNamespaces(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout


class Namespace:
    """One machine of the lab. The kernel removes its links with it."""

    def __init__(self, name: str) -> None:
        self.name = name
        run("ip", "netns", "add", name)
        self.ip("link", "set", "lo", "up")

    def ip(self, *words: str) -> str:
        return run("ip", "-n", self.name, *words)

    def nft(self, rules: str) -> str:
        return run("ip", "netns", "exec", self.name, "nft", "-f", "-", text=rules)

    def command(self, *words: str) -> tuple[str, ...]:
        """What runs a command on this machine."""
        return ("ip", "netns", "exec", self.name, *words)

    def address(self, device: str, *addresses: str) -> None:
        for address in addresses:
            # Nobody else is there: duplicates need not be looked for.
            self.ip("address", "add", address, "dev", device, *(["nodad"] * (":" in address)))
        self.ip("link", "set", device, "up")

    def remove(self) -> None:
        with contextlib.suppress(NoNamespaces):
            run("ip", "netns", "delete", self.name)


@dataclass(frozen=True, slots=True)
class Drops:
    """Of the packets that came to a loss rule."""

    seen: int
    dropped: int

    @property
    def percent(self) -> float:
        return 100 * self.dropped / self.seen


class Router(Namespace):
    """Forwards; has what goes wrong on the way."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        for switch in ("ipv4/ip_forward", "ipv6/conf/all/forwarding"):
            run(*self.command("sh", "-c", f"echo 1 > /proc/sys/net/{switch}"))
        self.nft(_TABLE)

    def cut(self) -> None:
        """Nothing passes, either way."""
        self.nft("add rule inet lab cut drop")

    def mend(self) -> None:
        self.nft("flush chain inet lab cut")

    def block(self, match: str) -> None:
        """Drops what an nftables expression matches."""
        self.nft(f"add rule inet lab block {match} drop")

    def lose(self, percent: int, *, towards: str) -> None:
        """That share of UDP packets to an IPv4 address, at random. Begins to count anew."""
        match = f"ip daddr {towards} meta l4proto udp"
        self.nft(
            "flush chain inet lab loss\n"
            f"add rule inet lab loss {match} counter\n"
            f"add rule inet lab loss {match} numgen random mod 100 < {percent} counter drop\n"
        )

    def drops(self) -> Drops:
        listed = run(*self.command("nft", "list", "chain", "inet", "lab", "loss"))
        seen, dropped = (int(n) for n in re.findall(r"counter packets (\d+)", listed))
        return Drops(seen, dropped)

    def masquerade(self, device: str) -> None:
        """A symmetric NAT: a random port for every connection that leaves by `device`."""
        self.nft(
            f"add rule inet lab leaving oifname {device} meta nfproto ipv4"
            " meta l4proto { tcp, udp } masquerade fully-random"
        )

    def cap(self, device: str, kilobits: int) -> None:
        """What leaves by `device`; up to 400 ms wait, the rest is dropped."""
        rate = f"tbf rate {kilobits}kbit burst 16kb latency 400ms".split()
        run("tc", "-n", self.name, "qdisc", "add", "dev", device, "root", *rate)


class DelayLine:
    """Two TUN devices; what enters one leaves the other `delay_s` later."""

    def __init__(self, delay_s: float, ends: tuple[tuple[Namespace, str], ...]) -> None:
        self._delay_s = delay_s
        self._files = [_tun_in(namespace, device) for namespace, device in ends]
        self._loop = asyncio.get_running_loop()
        for file, other in (self._files, self._files[::-1]):
            self._loop.add_reader(file, self._readable, file, other)

    def _readable(self, file: int, other: int) -> None:
        with contextlib.suppress(BlockingIOError):
            while packet := os.read(file, 65_535):
                self._loop.call_later(self._delay_s, self._deliver, other, packet)

    def _deliver(self, other: int, packet: bytes) -> None:
        if other in self._files:
            # A device that is down, or full: the packet is lost, as on any network.
            with contextlib.suppress(OSError):
                os.write(other, packet)

    def close(self) -> None:
        files, self._files = self._files, []
        for file in files:
            self._loop.remove_reader(file)
            os.close(file)


def _tun_in(namespace: Namespace, device: str) -> int:
    """Made here and moved: the file stays ours."""
    name = f"pdtun{os.getpid() % 100_000}"
    try:
        file = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        request = struct.pack("16sH22s", name.encode(), _IFF_TUN | _IFF_NO_PI, b"")
        fcntl.ioctl(file, _TUNSETIFF, request)
    except OSError as error:
        raise NoNamespaces(f"no TUN device: {error}") from error
    run("ip", "link", "set", name, "netns", namespace.name)
    namespace.ip("link", "set", name, "name", device)
    return file


class Lab:
    """The machines, linked. delay_s: of the line between viewer and router, one way.

    ipv6_only: viewer and cloud have no IPv4 but 127.0.0.1.
    """

    def __init__(self, *, delay_s: float = 0.0, ipv6_only: bool = False) -> None:
        self._all: list[Namespace] = []
        self._line: DelayLine | None = None
        prefix = f"pd{os.getpid()}-{next(_NUMBERS)}"
        try:
            self.viewer, self.cloud, self.camera = (
                self._added(Namespace(f"{prefix}-{name}")) for name in ("viewer", "cloud", "camera")
            )
            self.router, self.gate = Router(f"{prefix}-router"), Router(f"{prefix}-gate")
            self._all += [self.router, self.gate]
            self._link(delay_s)
            self._number(ipv6_only)
            run(*self.cloud.command("sh", "-c", "echo 0 > /proc/sys/net/ipv4/ip_forward"))
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        if self._line is not None:
            self._line.close()
        for namespace in self._all:
            namespace.remove()

    def _added(self, namespace: Namespace) -> Namespace:
        self._all.append(namespace)
        return namespace

    def _link(self, delay_s: float) -> None:
        if delay_s:
            ends = ((self.viewer, "eth0"), (self.router, "inside"))
            self._line = DelayLine(delay_s, ends)
        else:
            _wire(self.viewer, "eth0", self.router, "inside")
        _wire(self.router, "outside", self.cloud, "eth0")
        _wire(self.gate, "outside", self.cloud, "eth1")
        _wire(self.camera, "eth0", self.gate, "inside")

    def _number(self, ipv6_only: bool) -> None:
        """Viewer and camera know of no way to each other but through the cloud's machine, which
        forwards nothing: private networks, as homes are."""
        v6 = {
            (self.viewer, "eth0"): f"{VIEWER_V6}/64",
            (self.router, "inside"): "fd77:1::1/64",
            (self.router, "outside"): "fd77:2::1/64",
            (self.cloud, "eth0"): f"{CLOUD_V6}/64",
        }
        v4 = {
            (self.viewer, "eth0"): f"{VIEWER_V4}/24",
            (self.router, "inside"): "10.77.1.1/24",
            (self.router, "outside"): f"{ROUTER_V4}/24",
            (self.cloud, "eth0"): f"{CLOUD_V4}/24",
            (self.cloud, "eth1"): "10.77.4.2/24",
            (self.gate, "outside"): "10.77.4.1/24",
            (self.gate, "inside"): "10.77.3.1/24",
            (self.camera, "eth0"): f"{CAMERA_V4}/24",
        }
        for (namespace, device), address in (v6 if ipv6_only else v4).items():
            namespace.address(device, address)
        if ipv6_only:
            self.viewer.ip("-6", "route", "add", "default", "via", "fd77:1::1")
            self.cloud.ip("-6", "route", "add", "default", "via", "fd77:2::1")
            return
        self.viewer.ip("route", "add", "default", "via", "10.77.1.1")
        self.camera.ip("route", "add", "default", "via", "10.77.3.1")
        self.gate.ip("route", "add", "default", "via", "10.77.4.2")
        self.cloud.ip("route", "add", "10.77.1.0/24", "via", ROUTER_V4)
        self.cloud.ip("route", "add", "10.77.3.0/24", "via", "10.77.4.1")


def _wire(one: Namespace, device: str, other: Namespace, its_device: str) -> None:
    # One packet at a time, as on a wire: segments that the kernel has not cut yet pass as one.
    single = ("gso_max_segs", "1")
    one.ip(
        *("link", "add", device, *single, "type", "veth"),
        *("peer", "name", its_device, *single, "netns", other.name),
    )


@contextlib.contextmanager
def built(*, delay_s: float = 0.0, ipv6_only: bool = False) -> Iterator[Lab]:
    lab = Lab(delay_s=delay_s, ipv6_only=ipv6_only)
    try:
        yield lab
    finally:
        lab.close()


PROGRAMS = Path(__file__).parent / "programs"
