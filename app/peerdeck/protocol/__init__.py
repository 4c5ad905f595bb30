"""The wire formats, sans I/O: bytes in, events out; commands in, bytes out.

    frames.py     one message of the tunnel's byte stream: bytes ↔ `Message`
    tunnel.py     which message is allowed when: `SourceTunnel`, `DestinationTunnel`
    tunnel_side.py what the two share
    signaling.py  JSON messages of a Kinesis Video signaling channel

Nothing here opens a socket, reads a clock or rolls a die: sockets belong to the engine, random
numbers arrive as arguments. What the peer did wrong is an event (or a stored failure), never an
exception out of the middle of a chunk; what the caller did wrong raises at once. Engine and local
cloud both build on this room, and Google's protobuf judges it in the tests.
"""
