"""Why a local proxy could not run, in plain words, with what to do next."""

from peerdeck.core.errors import UserError
from peerdeck.engine.tunnel import (
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

# The service's own words (reported by users of the reference proxy) → what to do.
_REFUSALS = (
    (
        "previously used",
        "The access token has been used already",
        "An access token works once. Rotate the tunnel's tokens to get new ones.",
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


def explain_tunnel(error: TunnelError, name: str = "") -> UserError:
    """name: of the thing or the tunnel, "" where the user named none."""
    to = f" to {name}" if name else ""
    detail = str(error)
    match error:
        case PortInUse():
            return UserError(
                f"Local port {error.port} for {error.service} cannot be used: {error.why}.",
                "Enter another port, or 0 for any free one, and connect again.",
            )
        case TunnelRefused():
            return _refused(error, name)
        case TunnelTakenOver():
            return UserError(
                f"Another program took the tunnel{to} over.",
                "It is connected with the same token: another Peerdeck, or `peerdeck proxy`. "
                "End it there and connect again, or rotate the tokens.",
                detail=detail,
            )
        case WebProxyFailed():
            return _web_proxy(error)
        case TunnelUntrusted():
            return UserError(
                f"The tunnel service's certificate is not trusted{_for(name)}.",
                "If your network inspects TLS, have its certificate authority trusted by this "
                "system; else check this machine's clock and the endpoint.",
                detail=detail,
            )
        case TunnelUnreachable():
            return UserError(
                f"The tunnel service cannot be reached{_for(name)}.",
                "Check the network and the proxy, then connect again.",
                detail=detail,
            )
        case UnusableServices():
            return UserError(
                f"The services of the tunnel{to} do not fit.",
                "Open the tunnel again with the services that the device offers.",
                detail=detail,
            )
        case UnusableCertificates():
            return UserError(
                f"The certificate authorities in {error.path} cannot be used.",
                "Name a PEM file, or a directory of PEM files.",
                detail=detail,
            )
    return UserError(f"The tunnel{to} failed.", "Connect again.", detail=detail)


def _for(name: str) -> str:
    return f" for {name}" if name else ""


def _web_proxy(error: WebProxyFailed) -> UserError:
    if error.status == 407:
        return UserError(
            f"The web proxy {error.address} wants another user name or password.",
            "Put them into HTTPS_PROXY: http://user:password@host:port, percent-encoded.",
            detail=str(error),
        )
    return UserError(
        f"The web proxy {error.address} does not let the tunnel through.",
        "It must allow CONNECT to the tunnel service on port 443; NO_PROXY leaves it out.",
        detail=str(error),
    )


def _refused(error: TunnelRefused, name: str) -> UserError:
    channel = f" (channel-id {error.channel_id})" if error.channel_id else ""
    detail = f"HTTP {error.status} {error.reason}{channel}"
    for words, title, remedy in _REFUSALS:
        if words in error.reason.lower():
            whose = f" ({name})" if name else ""
            return UserError(f"{title}{whose}.", remedy, detail=detail)
    to = f" to {name}" if name else ""
    return UserError(
        f"The tunnel service refused the connection{to}.",
        "The service's own words are below.",
        detail=detail,
    )
