"""Whom the console's own TLS connections believe: signaling, TURN over TLS, tunnels."""

import asyncio
import ssl


async def trusted(bundle: str) -> ssl.SSLContext | None:
    """The system's authorities and those of `bundle`, a PEM file; None where there is none.

    None lets each library ask the system's. Verification is never off. Raises UserError.
    """
    return await asyncio.to_thread(_built, bundle) if bundle else None


def _built(bundle: str) -> ssl.SSLContext:
    from peerdeck.engine.tunnel import UnusableCertificates, tls_context
    from peerdeck.services.explain_tunnel import explain_tunnel

    try:
        return tls_context(bundle)
    except UnusableCertificates as error:
        raise explain_tunnel(error) from error
