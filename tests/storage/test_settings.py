import dataclasses
import os
import stat
import string
import sys
import threading

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from peerdeck.core.endpoints import Endpoints
from peerdeck.core.settings import Settings
from peerdeck.storage.settings import MAX_BYTES, SettingsFile


@pytest.fixture
def file(tmp_path):
    return SettingsFile(tmp_path / "peerdeck" / "settings.json")


def text(longest):
    return st.text(st.characters(exclude_categories=["Cs"]), max_size=longest)


urls = st.sampled_from(["", "http://127.0.0.1:8000", "https://vpce-1.example"])
some_settings = st.builds(
    Settings,
    profile=text(256),
    region=st.text(string.ascii_lowercase + "-", max_size=63),
    theme=st.sampled_from(["system", "dark", "light"]),
    endpoints=st.builds(
        Endpoints,
        kinesis_video=urls,
        sts=urls,
        tunnel_data=st.sampled_from(["", "wss://data.example"]),
        stun=st.sampled_from(["", "stun:127.0.0.1:3478"]),
    ),
    ports=st.dictionaries(text(256), st.integers(1, 65535), max_size=20),
    geometry=text(200),
    columns=st.dictionaries(text(40), text(100), max_size=5),
)


@given(settings=some_settings)
def test_what_is_saved_is_loaded_again(settings, tmp_path_factory):
    file = SettingsFile(tmp_path_factory.mktemp("s") / "settings.json")
    file.save(settings)
    assert file.load() == settings
    assert file.problem == ""


def test_first_start_has_defaults_and_no_problem(file):
    assert file.load() == Settings()
    assert file.problem == ""
    assert not file.path.parent.exists()


def test_every_setting_is_stored(file):
    file.save(Settings())
    stored = msgspec.json.decode(file.path.read_bytes())
    assert set(stored) == {field.name for field in dataclasses.fields(Settings)}


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        b"{",
        b"[]",
        b"\xff\xfe",
        b'{"theme": "purple"}',
        b'{"ports": {"pump-07/SSH": 0}}',
        b'{"ports": {"pump-07/SSH": 65536}}',
        b'{"ports": {"pump-07/SSH": "22"}}',
        b'{"profile": 7}',
        b'{"endpoints": {"sts": "ftp://x"}}',
        b'{"endpoints": {"sts": "http://x:99999"}}',
        b'{"region": "' + b"a" * 300 + b'"}',
        b" " * (MAX_BYTES + 1) + b"{}",
    ],
)
def test_broken_file_is_put_aside_and_reported(file, broken, caplog):
    file.path.parent.mkdir()
    file.path.write_bytes(broken)
    assert file.load() == Settings()
    aside = file.path.with_name("settings.json.broken")
    assert aside.read_bytes() == broken
    assert not file.path.exists()
    assert str(aside) in file.problem
    assert "Default settings are used" in caplog.text
    file.save(Settings(theme="dark"))
    assert file.load() == Settings(theme="dark")
    assert file.problem == ""


def test_fields_of_a_newer_peerdeck_are_passed_over(file):
    file.path.parent.mkdir()
    file.path.write_text('{"theme": "light", "hologram": true, "endpoints": {"mars": "x"}}')
    assert file.load() == Settings(theme="light")
    assert file.problem == ""


def test_file_that_cannot_be_read_stays_where_it_is(file):
    file.path.mkdir(parents=True)
    assert file.load() == Settings()
    assert "could not be read" in file.problem
    assert file.path.is_dir()


def test_settings_that_could_not_be_loaded_are_not_saved(file):
    file.save(Settings(theme="dark"))
    for wrong in (
        Settings(theme="purple"),
        Settings(ports={"a": 0}),
        Settings(geometry="x" * 2**15),
    ):
        with pytest.raises(ValueError, match=r"."):
            file.save(wrong)
    assert file.load() == Settings(theme="dark")


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
def test_only_the_user_may_read_it(file):
    mask = os.umask(0)
    try:
        file.save(Settings())
    finally:
        os.umask(mask)
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.path.parent.stat().st_mode) == 0o700


@pytest.mark.skipif(sys.platform == "win32", reason="symbolic links")
def test_link_to_a_file_elsewhere_stays_a_link(tmp_path):
    real = tmp_path / "dotfiles.json"
    link = tmp_path / "settings.json"
    link.symlink_to(real)
    SettingsFile(link).save(Settings(theme="dark"))
    assert link.is_symlink()
    assert SettingsFile(real).load() == Settings(theme="dark")


def test_failed_write_leaves_the_old_file_and_no_rest(file, monkeypatch):
    file.save(Settings(theme="dark"))

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        file.save(Settings(theme="light"))
    assert file.load() == Settings(theme="dark")
    assert [path.name for path in file.path.parent.iterdir()] == ["settings.json"]


def test_readers_see_whole_files_while_others_write(file):
    variants = [Settings(profile=name * 200, columns={"c": name * 9000}) for name in "abcd"]
    file.save(variants[0])
    problems = []

    def write(settings: Settings) -> None:
        try:
            for _ in range(40):
                SettingsFile(file.path).save(settings)
        except (OSError, ValueError) as error:
            problems.append(error)

    writers = [threading.Thread(target=write, args=(settings,)) for settings in variants]
    for writer in writers:
        writer.start()
    reads = 0
    while any(writer.is_alive() for writer in writers) or not reads:
        assert file.load() in variants
        reads += 1
    for writer in writers:
        writer.join()
    assert problems == []
    assert file.problem == ""
    assert [path.name for path in file.path.parent.iterdir()] == ["settings.json"]
