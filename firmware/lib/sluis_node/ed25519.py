"""Ed25519 verification (RFC 8032, section 5.1.7) in whole numbers, with SHA-512, which MicroPython's hashlib lacks.

Takes an RP2040 some seconds (see docs/reference/node-updates.md), so it lets the loop run in between. It handles
nothing that is secret, and so need not take the same time for all signatures.
"""

import asyncio
import binascii

try:
    from typing import Any
except ImportError:  # a node has no typing
    pass

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = 37095705934669439343138083508754565189542113879843219016388785533085940283555
ROOT = 19681161376707505956807079304988542015446066515923890162744021073123829784752
"""A square root of -1."""

BASE_X = 15112221349535400772501151409588531511454012693041857206046113283949847762202
BASE_Y = 46316835694926478169428394003475163141307993866256225615783033603165251855960

MASK = 0xFFFFFFFFFFFFFFFF
BREATHE_EVERY = 4
"""Doublings (of 253) between two turns of the loop: some 20 ms on an RP2040."""

# FIPS 180-4: the first 64 bits of the fractional parts of the cube roots of the first 80 primes, ...
_K = binascii.unhexlify(
    "428a2f98d728ae227137449123ef65cdb5c0fbcfec4d3b2fe9b5dba58189dbbc3956c25bf348b53859f111f1b605d019"
    "923f82a4af194f9bab1c5ed5da6d8118d807aa98a303024212835b0145706fbe243185be4ee4b28c550c7dc3d5ffb4e2"
    "72be5d74f27b896f80deb1fe3b1696b19bdc06a725c71235c19bf174cf692694e49b69c19ef14ad2efbe4786384f25e3"
    "0fc19dc68b8cd5b5240ca1cc77ac9c652de92c6f592b02754a7484aa6ea6e4835cb0a9dcbd41fbd476f988da831153b5"
    "983e5152ee66dfaba831c66d2db43210b00327c898fb213fbf597fc7beef0ee4c6e00bf33da88fc2d5a79147930aa725"
    "06ca6351e003826f142929670a0e6e7027b70a8546d22ffc2e1b21385c26c9264d2c6dfc5ac42aed53380d139d95b3df"
    "650a73548baf63de766a0abb3c77b2a881c2c92e47edaee692722c851482353ba2bfe8a14cf10364a81a664bbc423001"
    "c24b8b70d0f89791c76c51a30654be30d192e819d6ef5218d69906245565a910f40e35855771202a106aa07032bbd1b8"
    "19a4c116b8d2d0c81e376c085141ab532748774cdf8eeb9934b0bcb5e19b48a8391c0cb3c5c95a634ed8aa4ae3418acb"
    "5b9cca4f7763e373682e6ff3d6b2b8a3748f82ee5defb2fc78a5636f43172f6084c87814a1f0ab728cc702081a6439ec"
    "90befffa23631e28a4506cebde82bde9bef9a3f7b2c67915c67178f2e372532bca273eceea26619cd186b8c721c0c207"
    "eada7dd6cde0eb1ef57d4f7fee6ed17806f067aa72176fba0a637dc5a2c898a6113f9804bef90dae1b710b35131c471b"
    "28db77f523047d8432caab7b40c724933c9ebe0a15c9bebc431d67c49c100d4c4cc5d4becb3e42b6597f299cfc657e2a"
    "5fcb6fab3ad6faec6c44198c4a475817"
)
# ... and of the square roots of the first eight.
_H = binascii.unhexlify(
    "6a09e667f3bcc908bb67ae8584caa73b3c6ef372fe94f82ba54ff53a5f1d36f1510e527fade682d19b05688c2b3e6c1f"
    "1f83d9abfb41bd6b5be0cd19137e2179"
)


async def verify(public: bytes, signature: bytes, message: bytes) -> bool:
    """Whether the holder of this key signed these bytes."""
    if len(public) != 32 or len(signature) != 64:
        return False
    key = _point(public)
    number = int.from_bytes(signature[32:], "little")
    if key is None or number >= ORDER:
        return False
    digest = await sha512((signature[:32], public, message))
    challenge = int.from_bytes(digest, "little") % ORDER
    base = (BASE_X, BASE_Y, 1, BASE_X * BASE_Y % P)
    away = (P - key[0], key[1], 1, P - key[3])
    return _bytes(await _twofold(number, base, challenge, away)) == signature[:32]


async def sha512(pieces: "tuple[bytes, ...]") -> bytes:
    """SHA-512 of pieces in a row. All but the last are in memory twice."""
    state = [int.from_bytes(_H[at : at + 8], "big") for at in range(0, 64, 8)]
    held = b""
    total = 0
    for piece in pieces:
        total += len(piece)
        held += piece
        whole = len(held) - len(held) % 128
        for at in range(0, whole, 128):
            _block(state, held[at : at + 128])
            await asyncio.sleep_ms(0)
        held = held[whole:]
    held += b"\x80" + bytes((111 - len(held)) % 128) + (8 * total).to_bytes(16, "big")
    for at in range(0, len(held), 128):
        _block(state, held[at : at + 128])
    return b"".join([word.to_bytes(8, "big") for word in state])


def _block(state: "list[int]", block: bytes) -> None:
    words = [int.from_bytes(block[at : at + 8], "big") for at in range(0, 128, 8)]
    a, b, c, d, e, f, g, h = state
    for step in range(80):
        if step >= 16:
            x, y = words[1], words[14]
            x = (x >> 1 | x << 63) ^ (x >> 8 | x << 56) ^ x >> 7
            y = (y >> 19 | y << 45) ^ (y >> 61 | y << 3) ^ y >> 6
            words.append((words[0] + (x & MASK) + words[9] + (y & MASK)) & MASK)
            words.pop(0)
        word = words[step] if step < 16 else words[15]
        mixed = (e >> 14 | e << 50) ^ (e >> 18 | e << 46) ^ (e >> 41 | e << 23)
        one = h + (mixed & MASK) + (e & f ^ (MASK ^ e) & g) + int.from_bytes(_K[step * 8 : step * 8 + 8], "big") + word
        mixed = (a >> 28 | a << 36) ^ (a >> 34 | a << 30) ^ (a >> 39 | a << 25)
        two = (mixed & MASK) + (a & b ^ a & c ^ b & c)
        h, g, f, e, d, c, b, a = g, f, e, (d + one) & MASK, c, b, a, (one + two) & MASK
    for at, word in enumerate((a, b, c, d, e, f, g, h)):
        state[at] = (state[at] + word) & MASK


# Points are (X, Y, Z, T) with x = X/Z, y = Y/Z, xy = T/Z, as in RFC 8032, section 5.1.4.


def _point(data: bytes) -> "Any":
    """The point that 32 bytes name; None when there is none."""
    y = int.from_bytes(data, "little")
    odd = y >> 255
    y &= (1 << 255) - 1
    if y >= P:
        return None
    above, below = y * y - 1, D * y * y + 1
    cube = below * below * below % P
    x = above * cube * pow(above * cube * cube * below, (P - 5) // 8, P) % P
    if (below * x * x - above) % P:
        x = x * ROOT % P
        if (below * x * x - above) % P:
            return None
    if x & 1 != odd:
        if not x:
            return None
        x = P - x
    return (x, y, 1, x * y % P)


def _bytes(point: "Any") -> bytes:
    inverse = pow(point[2], P - 2, P)
    return (point[1] * inverse % P | (point[0] * inverse % P & 1) << 255).to_bytes(32, "little")


def _sum(one: "Any", two: "Any") -> "Any":
    a = (one[1] - one[0]) * (two[1] - two[0]) % P
    b = (one[1] + one[0]) * (two[1] + two[0]) % P
    c = 2 * one[3] * two[3] % P * D % P
    d = 2 * one[2] * two[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def _double(one: "Any") -> "Any":
    a, b = one[0] * one[0] % P, one[1] * one[1] % P
    c = 2 * one[2] * one[2] % P
    h = a + b
    e, g = h - (one[0] + one[1]) * (one[0] + one[1]) % P, a - b
    f = c + g
    return (e * f % P, g * h % P, f * g % P, e * h % P)


async def _twofold(n: int, one: "Any", m: int, two: "Any") -> "Any":
    """n times one point and m times another, along one chain of doublings."""
    both = _sum(one, two)
    found: "Any" = (0, 1, 1, 0)
    for bit in range(252, -1, -1):
        found = _double(found)
        at = n >> bit & 1 | (m >> bit & 1) << 1
        if at:
            found = _sum(found, (one, two, both)[at - 1])
        if bit % BREATHE_EVERY == 0:
            await asyncio.sleep_ms(0)
    return found
