"""What aiortc can do with a list of ICE servers."""

from collections.abc import Sequence

from aiortc import (
    RTCBundlePolicy,
    RTCConfiguration,
    RTCIceServer,
    RTCIceTransportPolicy,
)

from peerdeck.core.ice import IceServer, IceUri


def rtc_configuration(
    servers: Sequence[IceServer], *, relay_only: bool = False
) -> RTCConfiguration:
    """Keeps the order: aiortc uses the first STUN and the first TURN URI and no other.

    Always a list, be it empty: with None aiortc would ask Google's STUN server.
    """
    usable = []
    for server in servers:
        uris = [uri for uri in server.uris if is_usable(uri)]
        if uris:
            usable.append(
                RTCIceServer(
                    urls=[_text(uri) for uri in uris],
                    username=server.username or None,
                    credential=server.password.reveal() or None,
                )
            )
    policy = RTCIceTransportPolicy.RELAY if relay_only else RTCIceTransportPolicy.ALL
    return RTCConfiguration(
        iceServers=usable, iceTransportPolicy=policy, bundlePolicy=RTCBundlePolicy.MAX_BUNDLE
    )


def is_usable(uri: IceUri) -> bool:
    """aiortc drops `stuns:` and TURN over DTLS in silence, and breaks at IPv6 literals."""
    if ":" in uri.host or uri.scheme == "stuns":
        return False
    return not (uri.scheme == "turns" and uri.transport != "tcp")


def _text(uri: IceUri) -> str:
    """RFC 7064 knows no transport for STUN; aiortc raises where one is given."""
    plain = f"{uri.scheme}:{uri.host}:{uri.port}"
    return f"{plain}?transport={uri.transport}" if uri.is_turn else plain
