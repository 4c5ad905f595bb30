"""The local proxy of AWS IoT Secure Tunneling: TCP on one side, a WebSocket on the other.

    proxy.py        TunnelProxy: life, reconnecting, snapshot; the one class that others use
    adoption.py     a port or a target for each of the tunnel's services
    switchboard.py  connections ↔ the protocol's state machine; counters
    local.py        one local TCP connection
    ledger.py       which connections there are, for people
    silence.py      devices that never answer, as those of V1 do
    waiting.py      what waits: clients without a link, slow readers, turns, ends in no hurry
    ports.py        a source's listeners
    sockets.py      accepting, and a transport for a socket without a task of its own
    link.py         one WebSocket connection to the service
    pace.py         how much may wait for it
    dialing.py      connections over all of a name's addresses, or to a unix socket
    dialer.py       a destination's connections to their targets
    trust.py        certificate authorities
    stdio.py        one client on standard input and output
    limits.py       every bound and delay, in one place

Up:   local socket → one shared buffer with head-room → header written in front → WebSocket. What
      waits for the WebSocket is bounded by what it carries in 20 ms. Over that a connection may add
      a few KiB, so that a keystroke goes at once, and then stops reading; later they take turns.
Down: WebSocket → views into its read buffer → local socket. While a local socket's buffer is over
      its window the WebSocket is not read: the protocol has no flow control per connection.
"""

from peerdeck.engine.tunnel.errors import (
    PortInUse,
    TunnelError,
    TunnelRefused,
    TunnelTakenOver,
    TunnelUnreachable,
    TunnelUntrusted,
    UnusableCertificates,
    UnusableServices,
    WebProxyFailed,
)
from peerdeck.engine.tunnel.limits import Limits
from peerdeck.engine.tunnel.proxy import TunnelProxy
from peerdeck.engine.tunnel.stdio import StandardStreams
from peerdeck.engine.tunnel.trust import tls_context

__all__ = [
    "Limits",
    "PortInUse",
    "StandardStreams",
    "TunnelError",
    "TunnelProxy",
    "TunnelRefused",
    "TunnelTakenOver",
    "TunnelUnreachable",
    "TunnelUntrusted",
    "UnusableCertificates",
    "UnusableServices",
    "WebProxyFailed",
    "tls_context",
]
