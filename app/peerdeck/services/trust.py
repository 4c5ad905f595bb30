"""Whom the console's own TLS connections believe: signaling, TURN over TLS, tunnels."""

import asyncio
import functools
import ssl
from pathlib import Path

_State = tuple[tuple[str, int, int], ...]


async def trusted(bundle: str) -> ssl.SSLContext | None:
    """The system's authorities and those of `bundle`, a PEM file or a directory of them.

    None where there is none: each library asks the system's. Verification is never off. The same
    context as long as the bundle stays as it is, since it takes 20 ms or more to make, which every
    join would wait for. Raises UserError.
    """
    return await asyncio.to_thread(_kept, bundle) if bundle else None


def _kept(bundle: str) -> ssl.SSLContext:
    return _built(bundle, _state(Path(bundle)))


def _state(path: Path) -> _State:
    """What tells whether a file, or any of a directory, was changed; empty for a missing one."""
    try:
        files = (path, *sorted(path.iterdir())) if path.is_dir() else (path,)
        found = ((file.name, file.stat()) for file in files)
        return tuple((name, stat.st_mtime_ns, stat.st_size) for name, stat in found)
    except OSError:
        return ()


@functools.lru_cache(maxsize=4)
def _built(bundle: str, state: _State) -> ssl.SSLContext:
    from peerdeck.engine.tunnel import UnusableCertificates, tls_context
    from peerdeck.services.explain_tunnel import explain_tunnel

    try:
        return tls_context(bundle)
    except UnusableCertificates as error:
        raise explain_tunnel(error) from error
