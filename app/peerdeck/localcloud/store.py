"""What a local cloud keeps across restarts: one SQLite file. Every call blocks.

Records are rows of JSON; only what changed is written. The file is its owner's alone: it holds the
demo's secret key, and of tunnel tokens digests, never the tokens.
"""

import os
import sqlite3
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self, TypeVar

import msgspec

from peerdeck.core.secret import Secret
from peerdeck.localcloud.channels import ChannelRecord, ChannelRegistry
from peerdeck.localcloud.tunnel_records import TunnelRecord
from peerdeck.localcloud.tunnels import TunnelRegistry

FILE = "localcloud.sqlite"
_SCHEMA = 1
_TABLES = ("account", "channels", "tunnels")
_Record = TypeVar("_Record")


class StoreBrokenError(Exception):
    """The file is in use, of a newer version or not ours; the message says which and what to do."""


@dataclass(frozen=True, slots=True)
class _Account:
    account: str
    access_key: str
    secret_key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Saved:
    """What was kept."""

    account: str
    access_key: str
    secret_key: Secret
    channels: tuple[ChannelRecord, ...]
    tunnels: tuple[TunnelRecord, ...]

    def restore(self, channels: ChannelRegistry, tunnels: TunnelRegistry) -> None:
        """Changes that were under way have come to their end."""
        for record in self.channels:
            if record.channel.status in {"CREATING", "UPDATING"}:
                record.channel = replace(record.channel, status="ACTIVE")
            if record.channel.status != "DELETING":
                channels.put(record)
        for tunnel in self.tunnels:
            tunnels.put(tunnel)


class Store:
    """saved: what was in the directory when it was opened; None for a new one."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._rows: dict[str, dict[str, bytes]] = {name: {} for name in _TABLES}
        self.saved: Saved | None = None

    @classmethod
    def open(cls, directory: Path) -> Self:
        """One process at a time. Raises OSError and StoreBrokenError."""
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = directory / FILE
        os.close(os.open(file, os.O_RDWR | os.O_CREAT, 0o600))
        database = sqlite3.connect(file, timeout=0.5, check_same_thread=False)
        store = cls(database)
        try:
            store._prepare()
            store._load()
        except sqlite3.OperationalError as error:
            database.close()
            raise StoreBrokenError(f"{file} is in use by another process: {error}") from error
        except (sqlite3.DatabaseError, msgspec.MsgspecError) as error:
            database.close()
            raise StoreBrokenError(
                f"{file} is not a state of the local cloud: {error}. Move it away."
            ) from error
        except BaseException:
            database.close()
            raise
        return store

    def keep(
        self,
        *,
        account: str,
        access_key: str,
        secret_key: Secret,
        channels: Iterable[ChannelRecord],
        tunnels: Iterable[TunnelRecord],
    ) -> None:
        """Writes what differs from what is there; raises sqlite3.Error, and nothing is written."""
        who = _Account(account, access_key, secret_key.reveal())
        now = {
            "account": {"": msgspec.json.encode(who)},
            "channels": {r.channel.arn: msgspec.json.encode(r) for r in channels},
            "tunnels": {r.id: msgspec.json.encode(r) for r in tunnels},
        }
        with self._lock:
            if now == self._rows:
                return
            with self._database:
                for table, rows in now.items():
                    self._replace(table, self._rows[table], rows)
            self._rows = now

    def close(self) -> None:
        """Idempotent; waits for a `keep()` on another thread."""
        with self._lock:
            self._database.close()

    def _replace(self, table: str, old: dict[str, bytes], new: dict[str, bytes]) -> None:
        changed = [(key, row) for key, row in new.items() if old.get(key) != row]
        gone = [(key,) for key in old.keys() - new.keys()]
        # `table` is one of _TABLES
        self._database.executemany(f"REPLACE INTO {table} VALUES (?, ?)", changed)  # noqa: S608
        self._database.executemany(f"DELETE FROM {table} WHERE id = ?", gone)  # noqa: S608

    def _prepare(self) -> None:
        database = self._database
        database.execute("PRAGMA locking_mode = EXCLUSIVE")
        database.execute("PRAGMA synchronous = NORMAL")
        with database:
            database.execute("BEGIN EXCLUSIVE")
            (version,) = database.execute("PRAGMA user_version").fetchone()
            if version not in {0, _SCHEMA}:
                raise StoreBrokenError(
                    f"The state is of version {version}; this program knows {_SCHEMA}."
                )
            for table in _TABLES:
                database.execute(
                    f"CREATE TABLE IF NOT EXISTS {table} (id TEXT PRIMARY KEY, row BLOB NOT NULL)"
                )
            database.execute(f"PRAGMA user_version = {_SCHEMA}")

    def _load(self) -> None:
        who = self._read("account", _Account)
        channels = self._read("channels", ChannelRecord)
        tunnels = self._read("tunnels", TunnelRecord)
        if who:
            self.saved = Saved(
                who[0].account,
                who[0].access_key,
                Secret(who[0].secret_key),
                channels,
                tunnels,
            )

    def _read(self, table: str, kind: type[_Record]) -> tuple[_Record, ...]:
        found = self._database.execute(f"SELECT id, row FROM {table} ORDER BY rowid")  # noqa: S608
        self._rows[table] = dict(found.fetchall())
        return tuple(msgspec.json.decode(row, type=kind) for row in self._rows[table].values())
