"""Files of others: whole and bounded, or a UserError that names what is wrong."""

import contextlib
import gzip
import secrets
import zlib
from collections.abc import Iterable
from pathlib import Path

from peerdeck.core.errors import UserError

MAX_BYTES = 512 << 20
_GZIP = b"\x1f\x8b"


def is_gzip(start: bytes) -> bool:
    return start.startswith(_GZIP)


def content(path: Path) -> bytes:
    """Unpacked where it is gzip. Raises UserError and OSError."""
    with path.open("rb") as file:
        packed = is_gzip(file.read(2))
        file.seek(0)
        try:
            with gzip.GzipFile(fileobj=file) if packed else file as source:
                data = source.read(MAX_BYTES + 1)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise UserError(
                f"{path.name} is not whole: {error}.", "Save or send it once more."
            ) from error
    if len(data) > MAX_BYTES:
        raise UserError(
            f"{path.name} has more than {MAX_BYTES >> 20} MiB of text.",
            "Make the dump sooner after the call began.",
        )
    return data


def replace_with(path: Path, parts: Iterable[bytes]) -> None:
    """Writes all or nothing; packed where the name ends in .gz. Raises OSError."""
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        with part.open("xb") as file:
            if path.suffix == ".gz":
                with gzip.GzipFile(
                    fileobj=file, mode="wb", compresslevel=6, filename="", mtime=0
                ) as packed:
                    packed.writelines(parts)
            else:
                file.writelines(parts)
        part.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            part.unlink()
        raise
