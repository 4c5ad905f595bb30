"""A STUN and TURN server inside the process: what `turn:127.0.0.1:…` of the local cloud really is.

Enters: datagrams and TCP connections on one port number, TLS connections on another. Leaves:
answers, and what allocations relay. `wire` reads and seals messages (aioice's codec), `credentials`
issues and checks users, `addresses` says who may be relayed to, `allocation` is one relayed address
with its permissions and channels, `requests` answers RFC 8489 and RFC 8656 requests without knowing
sockets, `server` owns the listeners, `sockets` is what clients look like there; `faults` is what
goes wrong on purpose.

Nobody outside can be relayed to or heard: relay sockets are bound to the server's own address
(127.0.0.1; Linux lets such a socket exchange datagrams with the machine's other addresses, so
relay-to-host pairs work there), and permissions are given for the machine's own addresses only.

A session may outlive its credentials, as with Kinesis Video Streams, whose credentials end after
five minutes: expiry refuses new allocations, not the refreshing of one's own.

Not implemented, and refused as the RFCs ask: TCP and IPv6 relaying, port reservation,
DONT-FRAGMENT, SHA-256 integrity.
"""

from peerdeck.localcloud.turn.server import TurnServer

__all__ = ["TurnServer"]
