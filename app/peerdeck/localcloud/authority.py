"""The certificate authority of a local cloud: one per state directory, or one per run.

Its key never leaves the directory that it is kept in; without one it never leaves the process.
"""

import os
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

import trustme

CERTIFICATE_FILE = "authority.pem"
KEY_FILE = "authority-key.pem"
LEAF_DAYS = 397  # what browsers accept at most
_NAME = "Peerdeck local cloud"


class AuthorityBrokenError(Exception):
    """The files of a kept authority are not a certificate and its key; the message names them."""


class Authority:
    """Issues the certificates that the TLS listeners show."""

    def __init__(self, authority: trustme.CA) -> None:
        self._authority = authority

    @classmethod
    def fresh(cls) -> Self:
        """One for this run only."""
        return cls(trustme.CA(organization_name=_NAME, organization_unit_name="made at start"))

    @classmethod
    def kept_in(cls, directory: Path) -> Self:
        """The directory's, made at the first call; blocks.

        Raises OSError, and AuthorityBrokenError where its files are not what we wrote.
        """
        certificate, key = directory / CERTIFICATE_FILE, directory / KEY_FILE
        if certificate.exists() and key.exists():
            try:
                return cls(trustme.CA.from_pem(certificate.read_bytes(), key.read_bytes()))
            except (ValueError, TypeError) as error:
                raise AuthorityBrokenError(
                    f"{certificate} and {key} are not a certificate and its key: remove both"
                ) from error
        made = cls.fresh()
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        _write_private(key, made._authority.private_key_pem.bytes())
        made.write(certificate)
        return made

    @property
    def certificate_pem(self) -> bytes:
        """What clients have to trust."""
        return self._authority.cert_pem.bytes()

    def write(self, file: Path) -> None:
        """Writes the certificate, not the key; blocks, raises OSError."""
        file.write_bytes(self.certificate_pem)

    def server_context(self, *hosts: str) -> ssl.SSLContext:
        """For servers on `hosts`; TLS 1.2 or later. Loopback's names are in it, too. Blocks."""
        names = dict.fromkeys((*hosts, "localhost", "127.0.0.1", "::1"))
        leaf = self._authority.issue_cert(
            *names,
            not_after=datetime.now(UTC) + timedelta(days=LEAF_DAYS),
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        leaf.configure_cert(context)
        return context

    def client_context(self) -> ssl.SSLContext:
        """For clients that trust this authority and no other."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._authority.configure_trust(context)
        return context


def _write_private(file: Path, data: bytes) -> None:
    """Readable by its owner from its first moment on."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(data)
