"""What aiortc can do with a list of ICE servers."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from aiortc import (
    RTCBundlePolicy,
    RTCConfiguration,
    RTCIceTransportPolicy,
)

from peerdeck.core.ice import IceServer, IceUri
from peerdeck.core.join import JoinOptions, PathPolicy
from peerdeck.engine.errors import TurnUriUnusable


def rtc_configuration(*, relay_only: bool = False, bundled: bool = True) -> RTCConfiguration:
    """Without servers: Gathering asks them. None instead of a list would mean Google's STUN server.

    bundled: one transport from the beginning, as an offering end wants it. An answering one follows
    its offer. WORKAROUND: under MAX_BUNDLE aiortc 1.16 closes the one transport that there is where
    the first of the bundle is not the first section. Goes when `setRemoteDescription` spares a
    transport that is its own replacement.
    """
    policy = RTCIceTransportPolicy.RELAY if relay_only else RTCIceTransportPolicy.ALL
    bundle = RTCBundlePolicy.MAX_BUNDLE if bundled else RTCBundlePolicy.BALANCED
    return RTCConfiguration(iceServers=[], iceTransportPolicy=policy, bundlePolicy=bundle)


def is_usable(uri: IceUri) -> bool:
    """aiortc drops `stuns:` and TURN over DTLS in silence, and breaks at IPv6 literals."""
    if ":" in uri.host or uri.scheme == "stuns":
        return False
    return not (uri.scheme == "turns" and uri.transport != "tcp")


def chosen(servers: Sequence[IceServer], options: JoinOptions) -> tuple[IceServer, ...]:
    """Those that the policy and a forced TURN URI leave; the order stays.

    A forced URI that is not among them takes the first TURN credentials: the service's are good for
    all of its servers. Raises TurnUriUnusable.
    """
    if options.policy is PathPolicy.HOST:
        return ()
    stun = tuple(_only(servers, lambda uri: not uri.is_turn))
    if options.policy is PathPolicy.STUN:
        return stun
    if options.policy is PathPolicy.RELAY:
        stun = ()
    if not options.ice_uri:
        return (*stun, *_only(servers, lambda uri: uri.is_turn))
    return (*stun, _forced(servers, IceUri.parse(options.ice_uri)))


def check_forced(options: JoinOptions) -> None:
    """Raises TurnUriUnusable: before anything is asked of anybody."""
    if options.ice_uri:
        uri = IceUri.parse(options.ice_uri)
        if uri.is_secure and uri.transport == "udp":
            raise TurnUriUnusable(uri.text, "this console does not speak TURN over DTLS")
        if not is_usable(uri):
            raise TurnUriUnusable(uri.text, "this console cannot use a literal IPv6 address here")


def _forced(servers: Sequence[IceServer], uri: IceUri) -> IceServer:
    with_turn = [server for server in servers if any(u.is_turn for u in server.uris)]
    exact = [s for s in with_turn if any(u.text == uri.text for u in s.uris)]
    if not with_turn:
        raise TurnUriUnusable(uri.text, "the channel's ICE configuration has no TURN credentials")
    return replace((exact or with_turn)[0], uris=(uri,))


def _only(servers: Sequence[IceServer], wanted: Callable[[IceUri], bool]) -> Iterator[IceServer]:
    for server in servers:
        uris = tuple(uri for uri in server.uris if wanted(uri))
        if uris:
            yield replace(server, uris=uris)
