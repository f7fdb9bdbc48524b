"""MQTT 3.1.1 packets, bytes in and bytes out: no socket, no clock.

Source: OASIS MQTT Version 3.1.1, sections 2 and 3. Only what a node uses: QoS 0 and 1, clean sessions.

    +------+----------------+-----------------------------+
    | T  F | length, 1 to 4 | variable header and payload |
    +------+----------------+-----------------------------+
    T packet type, 4 bits | F flags, 4 bits | length: 7 bits a byte, least significant first, bit 7 = more follows
"""

CONNACK = 0x20
PUBLISH = 0x30
PUBACK = 0x40
SUBACK = 0x90
PINGRESP = 0xD0

PINGREQ = b"\xc0\x00"
DISCONNECT = b"\xe0\x00"

DUP = 0x08
RETAIN = 0x01
LENGTH_MAX = 268435455

REFUSALS = (
    "",
    "the broker does not speak MQTT 3.1.1",
    "the broker refuses this client id",
    "the broker is not available",
    "wrong name or password",
    "this account may not connect",
)
"""By CONNACK return code (section 3.2.2.3)."""


class PacketError(ValueError):
    """Bytes that are not MQTT: the connection cannot go on."""


def _length(size: int) -> bytes:
    if size > LENGTH_MAX:
        raise PacketError("a packet of %d bytes" % size)
    if size < 128:
        return bytes((size,))
    out = bytearray()
    while True:
        size, low = size >> 7, size & 0x7F
        out.append(low | 0x80 if size else low)
        if not size:
            return bytes(out)


def _text(text: str) -> bytes:
    data = text.encode()
    if len(data) > 65535:
        raise PacketError("a text of %d bytes" % len(data))
    return bytes((len(data) >> 8, len(data) & 0xFF)) + data


def connect(
    client_id: str,
    keepalive_s: int,
    name: str = "",
    password: str = "",
    will: "tuple[str, bytes, int, bool] | None" = None,
) -> bytes:
    """CONNECT with a clean session. `will` is (topic, payload, QoS, retain)."""
    flags = 0x02
    body = _text(client_id)
    if will is not None:
        topic, payload, qos, retain = will
        flags |= 0x04 | qos << 3 | (0x20 if retain else 0)
        body += _text(topic) + bytes((len(payload) >> 8, len(payload) & 0xFF)) + payload
    if name:
        flags |= 0x80
        body += _text(name)
        if password:
            flags |= 0x40
            body += _text(password)
    head = b"\x00\x04MQTT\x04" + bytes((flags, keepalive_s >> 8, keepalive_s & 0xFF))
    return b"\x10" + _length(len(head) + len(body)) + head + body


def publish_head(topic: str, size: int, qos: int, retain: bool, number: int) -> bytearray:
    """All of a PUBLISH but its payload, which is `size` bytes long. `number` is its packet identifier at QoS 1."""
    name = _text(topic)
    out = bytearray((PUBLISH | qos << 1 | (RETAIN if retain else 0),))
    out += _length(len(name) + (2 if qos else 0) + size)
    out += name
    if qos:
        out += bytes((number >> 8, number & 0xFF))
    return out


def publish(topic: str, payload: bytes, qos: int = 0, retain: bool = False, number: int = 0) -> bytearray:
    """A whole PUBLISH."""
    out = publish_head(topic, len(payload), qos, retain, number)
    out += payload
    return out


def again(packet: bytearray) -> None:
    """Mark a PUBLISH as sent before (section 3.3.1.1)."""
    packet[0] |= DUP


def puback(number: int) -> bytes:
    return bytes((PUBACK, 2, number >> 8, number & 0xFF))


def subscribe(number: int, filters: "tuple[str, ...]", qos: int = 1) -> bytes:
    body = bytes((number >> 8, number & 0xFF))
    for each in filters:
        body += _text(each) + bytes((qos,))
    return b"\x82" + _length(len(body)) + body


def header(buffer: "bytearray | bytes", start: int, end: int) -> "tuple[int, int] | None":
    """Of the packet at `start`: (where its body begins, the body's length). None when more bytes are needed."""
    size = shift = 0
    at = start + 1
    while at < end:
        byte = buffer[at]
        size |= (byte & 0x7F) << shift
        at += 1
        if byte < 128:
            return at, size
        shift += 7
        if shift > 21:
            raise PacketError("a length of more than four bytes")
    return None


def publish_parts(buffer: "bytearray | bytes", start: int, body: int, end: int) -> "tuple[int, int, int] | None":
    """Of a PUBLISH at `start` with its body at `body`: (where its topic ends, where its payload begins, its packet
    identifier, 0 at QoS 0). None when its head is not whole before `end`."""
    if end < body + 2:
        return None
    topic_end = body + 2 + (buffer[body] << 8 | buffer[body + 1])
    qos = buffer[start] >> 1 & 3
    if qos == 3:
        raise PacketError("QoS 3")
    payload = topic_end + (2 if qos else 0)
    if end < payload:
        return None
    return topic_end, payload, (buffer[topic_end] << 8 | buffer[topic_end + 1]) if qos else 0
