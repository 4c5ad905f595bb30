"""Why a local proxy could not run, in plain words, with what to do next."""

from peerdeck.core.errors import UserError
from peerdeck.core.tunnel import Tunnel
from peerdeck.engine.tunnel import (
    PortInUse,
    TunnelError,
    TunnelRefused,
    TunnelUnreachable,
    UnusableServices,
)

# The service's own words (reported by users of the reference proxy) → what to do.
_REFUSALS = (
    (
        "previously used",
        "The access token has been used already",
        "An access token works once. Rotate the tokens; the new ones are kept here.",
    ),
    (
        "client token does not match",
        "The access token belongs to another proxy",
        "Somebody else connected with it first. Rotate the tokens to take the tunnel over.",
    ),
    (
        "closed",
        "The tunnel is closed",
        "It was closed or has reached the end of its life. Open a new one.",
    ),
    (
        "access token",
        "The access token is not accepted",
        "It was rotated or belongs to another tunnel or region. Rotate the tokens.",
    ),
)


def explain_tunnel(error: TunnelError, tunnel: Tunnel) -> UserError:
    name = tunnel.thing or tunnel.id
    match error:
        case PortInUse():
            return UserError(
                f"Local port {error.port} for {error.service} cannot be used: {error.why}.",
                "Enter another port, or 0 for any free one, and connect again.",
            )
        case TunnelRefused():
            return _refused(error, name)
        case TunnelUnreachable():
            return UserError(
                f"The tunnel service cannot be reached for {name}.",
                "Check the network and the proxy, then connect again.",
                detail=str(error),
            )
        case UnusableServices():
            return UserError(
                f"The services of the tunnel to {name} do not fit.",
                "Open the tunnel again with the services that the device offers.",
                detail=str(error),
            )
    return UserError(f"The tunnel to {name} failed.", "Connect again.", detail=str(error))


def _refused(error: TunnelRefused, name: str) -> UserError:
    channel = f" (channel-id {error.channel_id})" if error.channel_id else ""
    detail = f"HTTP {error.status} {error.reason}{channel}"
    for words, title, remedy in _REFUSALS:
        if words in error.reason.lower():
            return UserError(f"{title} ({name}).", remedy, detail=detail)
    return UserError(
        f"The tunnel service refused the connection to {name}.",
        "The service's own words are below.",
        detail=detail,
    )
