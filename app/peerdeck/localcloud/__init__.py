"""The cloud on 127.0.0.1: everything that the console needs of AWS, and the things at its far end.

In: HTTP requests of any AWS SDK, signaling and tunnel WebSockets, TURN. Out: what AWS would
answer, with its error codes and its words, because the real SDKs must not notice.

    cloud.py       assembles the parts; one HTTP port serves every region and service
    gateway.py     reads the region and service from the SigV4 scope, verifies (sigv4.py), finds the
                   operation in botocore's service model, validates by it (validation.py), answers
    operations/    what each operation does, on channels.py and tunnels.py
    quotas.py      how often each operation may be called
    signaling.py   the channels' WebSocket (signaling_socket.py, messages.py); rooms.py keeps who is
                   there and what waits; storage.py is the peer that stores a channel's media
    turn, relay    TURN server; the tunnel's data plane
    authority.py   the certificates of the TLS listeners, which stand beside the plain ones
    front_door.py  what every request passes first: faults, request log; faults/ has the switches
    seed_file.py, store.py, serve.py   the program `peerdeck localcloud`
    camera, device a master with a moving picture; a thing with SSH and HTTP

It is an independent witness: it shares only values and the pure protocol room with the console, so
that a mistake in the console's own cloud or engine code cannot be mirrored here.
"""
