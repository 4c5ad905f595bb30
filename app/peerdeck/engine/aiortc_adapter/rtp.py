"""What the first bytes of an RTP packet say (RFC 3550 §5.1)."""


def overhead_bytes(data: bytes) -> int:
    """Of one decrypted packet: header, CSRCs, extension and padding, as `headerBytes` counts."""
    first = data[0]
    size = 12 + 4 * (first & 0x0F)
    if first & 0x10:
        size += 4 + 4 * int.from_bytes(data[size + 2 : size + 4], "big")
    if first & 0x20:
        size += data[-1]
    return size
