"""The system's terminal window, for commands such as ssh."""

import os
import shlex
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence

from PySide6.QtCore import QProcess

Which = Callable[[str], str | None]
# What stands between the program and the command. Order: the user's own choice, then the common.
_LINUX = (
    ("x-terminal-emulator", ("-e",)),
    ("ptyxis", ("--",)),
    ("kgx", ("--",)),
    ("gnome-terminal", ("--",)),
    ("konsole", ("-e",)),
    ("xfce4-terminal", ("-x",)),
    ("kitty", ()),
    ("alacritty", ("-e",)),
    ("wezterm", ("start", "--")),
    ("foot", ()),
    ("xterm", ("-e",)),
)


def ssh_command(port: int, *, user: str = "", alias: str = "") -> list[str]:
    """`ssh` to a local port. alias: the name under which the device's host key is remembered.

    Without the alias every tunnel would look like 127.0.0.1 with a changed key.
    """
    command = ["ssh", "-p", str(port)]
    if alias:
        command += ["-o", f"HostKeyAlias={alias}"]
    return [*command, f"{user}@127.0.0.1" if user else "127.0.0.1"]


def shell_text(command: Sequence[str]) -> str:
    """The command as one types it."""
    return shlex.join(command)


def terminal_command(
    command: Sequence[str],
    *,
    platform: str = sys.platform,
    environment: Mapping[str, str] = os.environ,
    which: Which = shutil.which,
) -> list[str] | None:
    """What starts `command` in a terminal window of its own, or None where there is none."""
    if platform == "darwin":
        script = shell_text(command).replace("\\", "\\\\").replace('"', '\\"')
        tell = f'tell application "Terminal" to do script "{script}"'
        return ["osascript", "-e", tell, "-e", 'tell application "Terminal" to activate']
    if platform == "win32":
        if wt := which("wt.exe"):
            return [wt, *command]
        return ["cmd.exe", "/c", "start", "", *command]
    if not (environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY")):
        return None
    chosen = environment.get("TERMINAL", "")
    known = dict(_LINUX)
    choices = [(chosen, known.get(os.path.basename(chosen), ("-e",)))] if chosen else []  # noqa: PTH119 - a command, not a path of ours
    for name, between in (*choices, *_LINUX):
        if program := which(name):
            return [program, *between, *command]
    return None


def open_terminal(command: Sequence[str]) -> bool:
    """Starts `command` in the system's terminal; whether that could be done."""
    line = terminal_command(command)
    if line is None:
        return False
    started = QProcess.startDetached(line[0], line[1:])
    return started[0]
