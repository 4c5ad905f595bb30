"""The demo's camera: a master as a device has one, with a real connection to each viewer.

    service.py  what the device asks of AWS: endpoints, ICE servers, a signed WebSocket URL
    device.py   `DemoCamera`: the signaling socket as master; one `Watcher` for each viewer
    watcher.py  one viewer's connection: answer, trickled candidates, telemetry, until it is gone
    live.py     draws and encodes while somebody watches; all watchers share the packets
    scene.py    the picture: an evening landscape, a clock and a name burnt in (font.py)

In: credentials, a channel. Out: WebRTC. It knows nothing of the console's engine, so that the two
judge each other.
"""

from peerdeck.localcloud.camera.device import DemoCamera

__all__ = ["DemoCamera"]
