"""Puts the vectors of signed documents to a node's own checks, on either interpreter: MANIFESTS TRUSTS."""

import asyncio
import binascii
import json
import sys

if not hasattr(asyncio, "sleep_ms"):
    asyncio.sleep_ms = lambda ms: asyncio.sleep(ms / 1000)

from sluis_node import ed25519, release

# RFC 8032, section 7.1: public key, message, signature of TEST 1, 2, 3 and SHA(abc)
SIGNED = (
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
    (
        "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
        "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
        "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704",
    ),
)


async def check_ed25519():
    assert (await ed25519.sha512((b"abc",))).hex() == SIGNED[3][1]
    for public, message, signature in [[binascii.unhexlify(text) for text in each] for each in SIGNED]:
        assert await ed25519.verify(public, signature, message)
        assert not await ed25519.verify(public, signature, message + b"x")
        for at in (0, 31, 32, 63):
            damaged = bytearray(signature)
            damaged[at] ^= 1
            assert not await ed25519.verify(public, bytes(damaged), message)
    # y = p + 1 spells the neutral element a second time, and x = 0 has no odd one (RFC 8032, 5.1.3).
    assert not await ed25519.verify((ed25519.P + 1).to_bytes(32, "little"), signature, message)
    assert not await ed25519.verify((1 | 1 << 255).to_bytes(32, "little"), signature, message)


async def manifest(case, trust):
    told = case["node"]
    node = release.Holder(
        tuple(told["boards"]), told["runtime"], told["sequence"], told["floor"], told["partitions"], told["now"]
    )
    release.suits(release.read_manifest(await release.opened(case["envelope"], "manifest", trust)), node)


async def trusted(case, trust):
    return (await release.next_trust(case["envelope"], trust)).decode()


async def main():
    await check_ed25519()
    count = 0
    for at, replay in enumerate((manifest, trusted)):
        with open(sys.argv[1 + at]) as file:  # noqa: PTH123 - MicroPython has no pathlib
            vectors = json.load(file)
        trust = release.read_trust(vectors["trust"].encode())
        for case in vectors["cases"]:
            said = ""
            try:
                became = await replay(case, trust)
            except release.Refused as error:
                said = error.code
                assert len(str(error)) > 10
            else:
                assert became is None or became == case["becomes"], case["name"]
            assert said == case["says"], (case["name"], said, case["says"])
            count += 1
    sys.stdout.write(f"replayed {count}\n")


asyncio.run(main())
