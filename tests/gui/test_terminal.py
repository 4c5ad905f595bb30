"""The system's terminal, found without starting one."""

import pytest

from peerdeck.gui.terminal import shell_text, ssh_command, terminal_command

SSH = ["ssh", "-p", "40022", "127.0.0.1"]
SCREEN = {"DISPLAY": ":0"}


def found(*names: str) -> object:
    return lambda name: f"/usr/bin/{name}" if name in names else None


def test_ssh_remembers_the_host_key_under_the_things_name() -> None:
    command = ssh_command(40022, user="ana", alias="pump-07")
    assert shell_text(command) == "ssh -p 40022 -o HostKeyAlias=pump-07 ana@127.0.0.1"
    assert ssh_command(40022) == SSH


@pytest.mark.parametrize(
    ("names", "line"),
    [
        (("xterm", "x-terminal-emulator"), ["/usr/bin/x-terminal-emulator", "-e", *SSH]),
        (("gnome-terminal",), ["/usr/bin/gnome-terminal", "--", *SSH]),
        (("wezterm",), ["/usr/bin/wezterm", "start", "--", *SSH]),
        ((), None),
    ],
)
def test_linux_takes_the_first_terminal_that_is_there(
    names: tuple[str, ...], line: list[str] | None
) -> None:
    which = found(*names)
    assert terminal_command(SSH, platform="linux", environment=SCREEN, which=which) == line  # type: ignore[arg-type]


def test_the_users_own_terminal_comes_first() -> None:
    which = found("konsole", "x-terminal-emulator")
    environment = {**SCREEN, "TERMINAL": "konsole"}
    line = terminal_command(SSH, platform="linux", environment=environment, which=which)  # type: ignore[arg-type]
    assert line == ["/usr/bin/konsole", "-e", *SSH]


def test_there_is_no_terminal_without_a_screen() -> None:
    which = found("xterm")
    assert terminal_command(SSH, platform="linux", environment={}, which=which) is None  # type: ignore[arg-type]


def test_macos_and_windows_use_their_own() -> None:
    mac = terminal_command(SSH, platform="darwin", environment={})
    assert mac is not None
    assert mac[2] == 'tell application "Terminal" to do script "ssh -p 40022 127.0.0.1"'
    nothing = found()
    windows = terminal_command(SSH, platform="win32", environment={}, which=nothing)  # type: ignore[arg-type]
    assert windows == ["cmd.exe", "/c", "start", "", *SSH]


def test_a_quote_in_a_user_name_stays_inside_the_script() -> None:
    command = ssh_command(1, user='a";b', alias="x")
    mac = terminal_command(command, platform="darwin", environment={})
    assert mac is not None
    assert mac[2].count('"') - mac[2].count('\\"') == 4
