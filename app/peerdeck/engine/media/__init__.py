"""What a session sends: generated, from files, from cameras and microphones.

    sources.py   `MediaSources`: what JoinOptions chose, attached to each peer's transceivers
    feed.py      one source to many tracks; its thread runs while anybody reads
    encoding.py  VP8 and H.264, encoded once however many watch
    readers.py   what a thread reads: picture.py and tone.py are made up, files.py loop, devices.py
                 are this machine's

In: JoinOptions. Out: tracks that yield encoded video packets and raw sound, paced as they are due.
Threads, since drawing and encoding a 720p frame takes 5 to 15 ms; the loop only hands packets out.
Errors are `MediaUnusable`, with the file or device and why.
"""

from peerdeck.engine.media.sources import MediaSources

__all__ = ["MediaSources"]
