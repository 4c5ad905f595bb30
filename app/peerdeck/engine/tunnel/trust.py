"""Whom a tunnel's TLS connection believes."""

import ssl
from pathlib import Path

from peerdeck.engine.tunnel.errors import UnusableCertificates

_SUFFIXES = {".pem", ".crt", ".cer"}


def tls_context(authorities: str = "", *, verify: bool = True) -> ssl.SSLContext:
    """TLS 1.2 or later; the system's certificate authorities and `authorities`.

    authorities: a PEM file, or a directory of them, rehashed by OpenSSL's c_rehash or not. verify:
    False believes anybody. Raises UnusableCertificates; blocks (reads files).
    """
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context
    if authorities:
        _add(context, Path(authorities))
    return context


def _add(context: ssl.SSLContext, path: Path) -> None:
    try:
        if not path.is_dir():
            context.load_verify_locations(cafile=path)
            return
        context.load_verify_locations(capath=path)
        for file in sorted(path.iterdir()):
            if file.suffix.lower() in _SUFFIXES:
                context.load_verify_locations(cafile=file)
    except ssl.SSLError as error:
        raise UnusableCertificates(str(path), "it holds no usable PEM certificate") from error
    except OSError as error:
        raise UnusableCertificates(str(path), error.strerror or str(error)) from error
