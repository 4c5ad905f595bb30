"""Everything that keeps a connection: asyncio, but no particular loop; no AWS, no Qt.

    tunnel/            the local proxy of a tunnel, source and destination
    ice_probe.py       tries one STUN or TURN URI
    signaling.py       one signaling WebSocket; signaling_link.py keeps one open for hours
    viewer.py          `ViewerSession`: joins a channel, again after a loss; attempt.py one try,
                       peer.py its connection, video_sink.py its newest frame, pulse.py its life
    master.py          `MasterSession`: serves a channel; visitors.py its viewers, visitor.py the
                       life of one, storage_peer.py the one that stores media, media/ what is sent
    aiortc_adapter/    the one place that touches private parts of aiortc and aioice
    tasks.py           tasks with an owner and a name

In: addresses, freshly signed URLs (a callable), credentials as `Secret`. Out: attributes that are
read at any time, a callback that says something changed, and modelled errors (errors.py) from
`run()` or `start()`. Heavy libraries make these modules slow to import: services import them when
they are first needed.
"""
