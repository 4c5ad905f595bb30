"""SSH server of a thing: user demo, password demo or any key; its shell is shell.py's."""

import contextlib

import asyncssh

from peerdeck.localcloud.device.shell import MAX_LINE, Shell
from peerdeck.localcloud.device.thing import Thing

USER = "demo"
_PASSWORD = "demo"  # noqa: S105  # it is written on the status page; nothing is behind it
_MAX_CONNECTIONS = 200
_KILLED = 128 + 15


class SshService:
    """`start()` returns the port on loopback."""

    def __init__(self, thing: Thing) -> None:
        self._thing = thing
        self._acceptor: asyncssh.SSHAcceptor | None = None
        self.connections: set[asyncssh.SSHServerConnection] = set()

    async def start(self, host: str) -> int:
        self._acceptor = await asyncssh.listen(
            host,
            0,
            server_factory=lambda: _Server(self.connections),
            server_host_keys=[asyncssh.generate_private_key("ssh-ed25519")],
            process_factory=self._session,
            config=None,  # the host's own configuration is none of its business
            gss_host=None,
            login_timeout=30,
            keepalive_interval=30,
            encoding="utf-8",
            errors="replace",
        )
        return self._acceptor.get_port()

    async def aclose(self) -> None:
        if self._acceptor is None:
            return
        self._acceptor.close()
        connections = tuple(self.connections)
        for connection in connections:
            connection.abort()
        for connection in connections:
            await connection.wait_closed()
        self._acceptor = None

    async def _session(self, process: "asyncssh.SSHServerProcess[str]") -> None:
        shell = Shell(self._thing)
        with contextlib.suppress(BrokenPipeError, asyncssh.ConnectionLost):  # the client has gone
            if process.command is not None:
                reply = shell.run(process.command)
                process.stdout.write(reply.text)
                process.exit(reply.status)
            else:
                process.exit(await _converse(process, shell))


async def _converse(process: "asyncssh.SSHServerProcess[str]", shell: Shell) -> int:
    """An interactive session, with a terminal or with lines from a pipe; returns its status."""
    has_terminal = process.term_type is not None
    if has_terminal:
        process.stdout.write(shell.greeting)
    status = 0
    while True:
        if has_terminal:
            process.stdout.write(shell.prompt)
        try:
            line = await process.stdin.readline()
        except asyncssh.BreakReceived:  # Ctrl-C gives up the line, not the session
            process.stdout.write("^C\n")
            continue
        except asyncssh.TerminalSizeChanged:
            continue
        except asyncssh.SignalReceived:
            return _KILLED
        if not line:
            return status
        reply = shell.run(line[: MAX_LINE + 1].strip())
        process.stdout.write(reply.text)
        await process.stdout.drain()
        status = reply.status
        if reply.ends:
            return status


class _Server(asyncssh.SSHServer):
    """Admits the demo user; refuses forwarding and everything else by asyncssh's defaults."""

    def __init__(self, connections: set[asyncssh.SSHServerConnection]) -> None:
        self._connections = connections
        self._connection: asyncssh.SSHServerConnection | None = None

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connection = conn
        self._connections.add(conn)
        if len(self._connections) > _MAX_CONNECTIONS:
            conn.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._connection is not None:
            self._connections.discard(self._connection)

    def begin_auth(self, username: str) -> bool:
        return True

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return username == USER and password == _PASSWORD

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return username == USER
