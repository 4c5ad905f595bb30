"""Peerdeck: a desktop console for Kinesis Video Streams WebRTC and AWS IoT Secure Tunneling."""

__version__ = "0.1.0"
