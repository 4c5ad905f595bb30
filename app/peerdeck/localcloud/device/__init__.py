"""A thing at the far end of a tunnel: something to log in to and something to look at.

    thing.py   what it measures and logs, as functions of time
    shell.py   the commands of its console, without I/O
    ssh.py     SSH server for the console
    web.py     HTTP server: status page, JSON, bulk data
    device.py  DemoDevice: both servers, and a destination proxy for every tunnel opened to it

The console is a shell of its own with a handful of commands: nothing that is typed there reaches
the machine. The proxies are given by wiring, since the local cloud knows no engine.
"""

from peerdeck.localcloud.device.device import DemoDevice, DestinationHandle

__all__ = ["DemoDevice", "DestinationHandle"]
