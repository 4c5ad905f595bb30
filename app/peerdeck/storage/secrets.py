"""Tokens in the system's keyring, or in memory where there is none; never in a file."""

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from peerdeck.core.secret import Secret

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

_log = logging.getLogger(__name__)
T = TypeVar("T")
SERVICE = "peerdeck"
TIMEOUT_S = 30.0  # time to type a password into the keyring's prompt
MAX_IN_MEMORY = 4096

# The backends of the keyring package that encrypt or leave it to the system. Its other ones write
# nothing (null), fail, or chain to whatever is installed; those of keyrings.alt write plain files.
_SAFE_MODULES = (
    "keyring.backends.SecretService",
    "keyring.backends.libsecret",
    "keyring.backends.kwallet",
    "keyring.backends.macOS",
    "keyring.backends.Windows",
)
_UNTIL_THE_END = "Tokens are kept in memory only and are gone when Peerdeck ends."
_LINUX = "Start a Secret Service (gnome-keyring, KWallet or KeePassXC), then start Peerdeck again."


class KeyringUnusableError(Exception):
    """There is no keyring to put secrets into. title and remedy as for people."""

    def __init__(self, title: str, remedy: str) -> None:
        super().__init__(title)
        self.title = title
        self.remedy = remedy


class SecretStore:
    """Secrets by key, such as "<tunnel id>/source"; one user per process.

    A secret is in memory until the keyring has it, and stays there where the keyring does not take
    it. backend: instead of the system's keyring. timeout_s: of one keyring operation, after which
    the keyring counts as unusable until the next start.
    """

    def __init__(
        self,
        *,
        service: str = SERVICE,
        timeout_s: float = TIMEOUT_S,
        backend: "KeyringBackend | None" = None,
    ) -> None:
        self._service = service
        self._timeout_s = timeout_s
        self._backend = backend
        self._usable = True
        self._warning = ""
        self._memory: dict[str, Secret] = {}
        self._turn = asyncio.Lock()

    def __repr__(self) -> str:
        return f"<SecretStore in {self.where}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret store is not pickled")

    @property
    def where(self) -> str:
        """ "keyring", or "memory" once anything could not be kept in the keyring."""
        return "memory" if self._warning else "keyring"

    @property
    def warning(self) -> str:
        """What is wrong with the keyring and what to do about it; "" where nothing is."""
        return self._warning

    async def put(self, key: str, secret: Secret) -> None:
        """Keeps `secret`, in place of what was there. Never fails: see `where`."""
        self._memory.pop(key, None)
        self._memory[key] = secret
        if len(self._memory) > MAX_IN_MEMORY:
            del self._memory[next(iter(self._memory))]

        def store(backend: "KeyringBackend") -> bool:
            backend.set_password(self._service, key, secret.reveal())
            return True

        stored = await self._in_keyring("put", store)
        if stored and self._memory.get(key) is secret:
            del self._memory[key]

    async def get(self, key: str) -> Secret | None:
        if key in self._memory:
            return self._memory[key]
        text = await self._in_keyring("get", lambda b: b.get_password(self._service, key))
        return Secret(text) if text is not None else self._memory.get(key)

    async def delete(self, key: str) -> None:
        """Idempotent."""
        self._memory.pop(key, None)

        def remove(backend: "KeyringBackend") -> None:
            # Asked first: backends disagree on what deleting nothing raises.
            if backend.get_password(self._service, key) is not None:
                backend.delete_password(self._service, key)

        await self._in_keyring("delete", remove)

    async def aclose(self) -> None:
        """Forgets what is in memory. Idempotent; the keyring keeps what it has."""
        self._memory.clear()

    async def _in_keyring(self, what: str, call: Callable[["KeyringBackend"], T]) -> T | None:
        """None where the keyring did not do it; the warning then says why."""
        async with self._turn:
            if not self._usable:
                return None
            try:
                async with asyncio.timeout(self._timeout_s):
                    return await _on_thread(f"keyring/{what}", lambda: call(self._opened()))
            except TimeoutError:
                self._usable = False
                title = "The keyring does not answer; it may be waiting to be unlocked."
                self._warn(title, "Unlock it, then start Peerdeck again.")
            except KeyringUnusableError as error:
                self._usable = False
                self._warn(error.title, error.remedy)
            except Exception as error:  # noqa: BLE001  a last border: each system's keyring has errors of its own
                self._failed(error)
            return None

    def _failed(self, error: Exception) -> None:
        from keyring.errors import InitError, KeyringLocked, NoKeyringError

        name = type(error).__name__
        if isinstance(error, NoKeyringError):
            self._usable = False
            self._warn("This system has no keyring.", _LINUX)
        elif isinstance(error, (InitError, KeyringLocked)):
            self._usable = False
            self._warn("The keyring is locked.", "Unlock it, then start Peerdeck again.")
        else:  # this one secret only, for instance because it is too long for it
            self._warn(f"The keyring refused a secret ({name}).", "Look at the system's keyring.")
        # Not the error's own text: nobody knows what a backend puts into it.
        _log.warning("keyring: %s; secrets stay in memory", name)

    def _warn(self, title: str, remedy: str) -> None:
        self._warning = f"{title} {_UNTIL_THE_END} {remedy}"

    def _opened(self) -> "KeyringBackend":
        if self._backend is None:
            self._backend = _system_keyring()
        return self._backend


def _system_keyring() -> "KeyringBackend":
    """The first safe backend. Raises KeyringUnusableError; blocks (imports, D-Bus)."""
    import keyring
    from keyring.backends.chainer import ChainerBackend
    from keyring.backends.fail import Keyring as NoKeyring

    chosen = keyring.get_keyring()
    backends = list(chosen.backends) if isinstance(chosen, ChainerBackend) else [chosen]
    for backend in backends:
        if type(backend).__module__.startswith(_SAFE_MODULES):
            return backend
    if not backends or isinstance(chosen, NoKeyring):
        raise KeyringUnusableError("This system has no keyring.", _LINUX)
    name = f"{type(chosen).__module__}.{type(chosen).__qualname__}"
    raise KeyringUnusableError(
        f"The configured keyring backend {name} is not one that keeps secrets safe.",
        "Remove it from PYTHON_KEYRING_BACKEND or keyringrc.cfg, then start Peerdeck again.",
    )


async def _on_thread(name: str, call: Callable[[], T]) -> T:
    """Runs `call` on a daemon thread: a prompt that nobody answers must not hold up the exit."""
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[T] = loop.create_future()

    def settle(result: Any, failure: BaseException | None) -> None:
        thread.join()  # it has nothing left to do
        if outcome.done():
            return
        if failure is not None:
            outcome.set_exception(failure)
        else:
            outcome.set_result(result)

    def body() -> None:
        result: T | None = None
        failure: BaseException | None = None
        try:
            result = call()
        except BaseException as error:  # noqa: BLE001  belongs to the caller, who gets it below
            failure = error
        with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile: nobody waits
            loop.call_soon_threadsafe(settle, result, failure)

    thread = threading.Thread(target=body, name=name, daemon=True)
    thread.start()
    return await outcome
