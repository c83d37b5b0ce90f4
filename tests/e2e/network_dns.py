"""DNS as a machine asks it, over UDP and with bash alone: primaries have no resolver's tools."""
import base64
import struct

A, AAAA = 1, 28


def _query(name, kind):
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return struct.pack("!HHHHHH", 0x7E57, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!HH", kind, 1)


def udp(primary, address, port, payload):
    """Sends one datagram from that primary; returns the answer's bytes, none after five seconds."""
    octal = "".join(f"\\{byte:03o}" for byte in payload)
    script = f"exec 3<>/dev/udp/{address}/{port} && printf '{octal}' >&3 && timeout 5 dd bs=4096 count=1 status=none <&3 | base64 -w0"
    return base64.b64decode(primary.run(["bash", "-c", script], timeout=30).out)


def asked(primary, server, name, kind):
    """The whole answer, in which an address is found as its bytes."""
    return udp(primary, server, 53, _query(name, kind))
