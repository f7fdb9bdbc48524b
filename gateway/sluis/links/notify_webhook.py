"""Messages by webhook: a signed POST of JSON.

The receiver checks `Sluis-Signature: v1=<hex>`: HMAC-SHA256 with the shared key over the value of `Sluis-Timestamp`
(seconds since 1970), a full stop, and the body as received; and refuses timestamps that are old. `Sluis-Delivery` is
the same in every retry of a message.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping

import msgspec

from sluis.model import LinkError
from sluis.runtime import Clock
from sluis.watch.ports import Message

TIMEOUT_S = 10.0
"""How long the receiver may take. A receiver that needs longer should answer first and work afterwards; more would let
a hung one hold back its own next messages."""


class WebhookCourier:
    """`watch`'s Courier for the channel `webhook`. `keys` holds the signing key of each URL that has one."""

    def __init__(self, keys: Mapping[str, bytes], clock: Clock) -> None:
        self._keys = keys
        self._clock = clock

    async def deliver(self, message: Message) -> None:
        """Return when the receiver answered 2xx. LinkError when it did not; redirects are not followed."""
        import httpx  # here: a quarter of a second and some megabytes that a house without webhooks need not pay

        body = msgspec.json.encode(message.body)
        timestamp = str(self._clock.stamp().at_us // 1_000_000)
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "sluis",
            "Sluis-Delivery": message.id,
            "Sluis-Timestamp": timestamp,
        }
        key = self._keys.get(message.to)
        if key:
            headers["Sluis-Signature"] = f"v1={signature(key, timestamp, body)}"
        try:
            async with httpx.AsyncClient(timeout=TIMEOUT_S, follow_redirects=False) as client:
                answer = await client.post(message.to, content=body, headers=headers)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise LinkError(f"webhook: {type(error).__name__} {error}".rstrip()) from error
        if not answer.is_success:
            raise LinkError(f"webhook: the receiver answered {answer.status_code}")


def signature(key: bytes, timestamp: str, body: bytes) -> str:
    """The hexadecimal HMAC-SHA256 that both sides compute."""
    return hmac.new(key, timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
