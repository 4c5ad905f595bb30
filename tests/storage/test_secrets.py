import asyncio
import logging
import pickle
import threading
import time

import keyring
import keyring.backend
import pytest
from keyring.backends.chainer import ChainerBackend
from keyring.backends.fail import Keyring as FailKeyring
from keyring.backends.null import Keyring as NullKeyring
from keyring.errors import InitError, KeyringLocked, NoKeyringError, PasswordSetError

from peerdeck.core.secret import Secret
from peerdeck.storage.secrets import MAX_IN_MEMORY, SecretStore

TEXT = "tunnel-token-1234567890"


class Backend(keyring.backend.KeyringBackend):
    """A keyring in a dictionary, that fails or waits on demand."""

    priority = -1.0  # never chosen by itself

    def __init__(self, failure: Exception | None = None) -> None:
        super().__init__()
        self.kept: dict[tuple[str, str], str] = {}
        self.failure = failure
        self.asked = threading.Event()
        self.may_answer = threading.Event()
        self.may_answer.set()
        self.calls = 0

    def _turn(self) -> None:
        self.calls += 1
        self.asked.set()
        self.may_answer.wait(10)
        if self.failure is not None:
            raise self.failure

    def get_password(self, service, username):
        self._turn()
        return self.kept.get((service, username))

    def set_password(self, service, username, password):
        self._turn()
        self.kept[service, username] = password

    def delete_password(self, service, username):
        self._turn()
        del self.kept[service, username]


class PlaintextKeyring(Backend):
    __module__ = "keyrings.alt.file"


async def test_secret_goes_to_the_keyring_and_nowhere_else():
    backend = Backend()
    store = SecretStore(backend=backend)
    await store.put("t-1/source", Secret(TEXT))
    assert backend.kept == {("peerdeck", "t-1/source"): TEXT}
    assert (store.where, store.warning) == ("keyring", "")
    again = SecretStore(backend=backend)
    found = await again.get("t-1/source")
    assert found is not None
    assert found.reveal() == TEXT
    await again.delete("t-1/source")
    await again.delete("t-1/source")
    assert backend.kept == {}
    assert await store.get("t-1/source") is None


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        (NoKeyringError("no backend"), "no keyring"),
        (InitError("no collection"), "locked"),
        (KeyringLocked("dismissed"), "locked"),
    ],
)
async def test_without_a_keyring_secrets_live_in_memory_with_a_warning(failure, words):
    backend = Backend(failure)
    store = SecretStore(backend=backend)
    assert store.where == "keyring"
    await store.put("k", Secret(TEXT))
    assert store.where == "memory"
    assert words in store.warning
    assert "memory only" in store.warning
    found = await store.get("k")
    assert found is not None
    assert found.reveal() == TEXT
    await store.delete("k")
    assert await store.get("k") is None
    assert backend.calls == 1  # a broken keyring is not asked again and again


@pytest.mark.parametrize("failure", [PasswordSetError("too long"), OSError(1783, "bad stub")])
async def test_keyring_that_refuses_one_secret_still_serves_the_others(failure):
    backend = Backend()
    store = SecretStore(backend=backend)
    await store.put("small", Secret("s"))
    backend.failure = failure
    await store.put("big", Secret(TEXT))
    backend.failure = None
    assert store.where == "memory"
    assert type(failure).__name__ in store.warning
    for key, text in (("small", "s"), ("big", TEXT)):
        found = await store.get(key)
        assert found is not None
        assert found.reveal() == text


async def test_prompt_that_nobody_answers_does_not_hang():
    backend = Backend()
    backend.may_answer.clear()
    store = SecretStore(backend=backend, timeout_s=0.2)
    before = time.monotonic()
    await asyncio.gather(*(store.put(f"k{n}", Secret(TEXT)) for n in range(20)))
    assert time.monotonic() - before < 2
    assert store.where == "memory"
    assert "waiting to be unlocked" in store.warning
    assert await store.get("k19") == Secret(TEXT)
    backend.may_answer.set()


async def test_secret_is_there_while_the_keyring_still_waits():
    backend = Backend()
    backend.may_answer.clear()
    store = SecretStore(backend=backend)
    async with asyncio.TaskGroup() as group:
        group.create_task(store.put("k", Secret(TEXT)))
        await asyncio.to_thread(backend.asked.wait, 5)
        assert await store.get("k") == Secret(TEXT)
        backend.may_answer.set()
    assert store.where == "keyring"


async def test_deletion_right_after_a_put_wins():
    backend = Backend()
    backend.may_answer.clear()
    store = SecretStore(backend=backend)
    async with asyncio.TaskGroup() as group:
        group.create_task(store.put("k", Secret(TEXT)))
        await asyncio.to_thread(backend.asked.wait, 5)
        group.create_task(store.delete("k"))
        backend.may_answer.set()
    assert backend.kept == {}
    assert await store.get("k") is None


@pytest.mark.parametrize("backend", [PlaintextKeyring(), NullKeyring(), Backend()])
async def test_backend_that_keeps_no_secret_safe_is_refused(backend, monkeypatch):
    monkeypatch.setattr(keyring, "get_keyring", lambda: backend)
    store = SecretStore()
    await store.put("k", Secret(TEXT))
    assert getattr(backend, "kept", {}) == {}
    assert store.where == "memory"
    assert type(backend).__qualname__ in store.warning
    assert await store.get("k") == Secret(TEXT)


async def test_chain_of_unsafe_backends_is_refused(monkeypatch):
    chained = PlaintextKeyring()
    monkeypatch.setattr(ChainerBackend, "backends", [chained])
    monkeypatch.setattr(keyring, "get_keyring", ChainerBackend)
    store = SecretStore()
    await store.put("k", Secret(TEXT))
    assert chained.kept == {}
    assert store.where == "memory"


async def test_chain_is_searched_for_its_safe_backend(monkeypatch):
    class Safe(Backend):
        __module__ = "keyring.backends.kwallet"

    plain, safe = PlaintextKeyring(), Safe()
    monkeypatch.setattr(ChainerBackend, "backends", [plain, safe])
    monkeypatch.setattr(keyring, "get_keyring", ChainerBackend)
    store = SecretStore()
    await store.put("k", Secret(TEXT))
    assert (plain.kept, list(safe.kept.values())) == ({}, [TEXT])
    assert store.where == "keyring"


@pytest.mark.parametrize("chosen", [FailKeyring, ChainerBackend])
async def test_no_backend_at_all_is_said_so(monkeypatch, chosen):
    monkeypatch.setattr(ChainerBackend, "backends", [])
    monkeypatch.setattr(keyring, "get_keyring", chosen)
    store = SecretStore()
    await store.put("k", Secret(TEXT))
    assert "This system has no keyring." in store.warning


async def test_memory_is_bounded():
    store = SecretStore(backend=Backend(NoKeyringError()))
    for number in range(MAX_IN_MEMORY + 10):
        await store.put(str(number), Secret(TEXT))
    assert await store.get("9") is None
    assert await store.get("10") is not None
    await store.aclose()
    assert await store.get("10") is None


async def test_store_shows_logs_and_pickles_no_secret(caplog):
    caplog.set_level(logging.DEBUG)
    store = SecretStore(backend=Backend(PasswordSetError(f"cannot keep {TEXT}")))
    await store.put("k", Secret(TEXT))
    assert TEXT not in repr(store) + str(store) + store.warning + caplog.text
    assert "PasswordSetError" in caplog.text
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(store)
