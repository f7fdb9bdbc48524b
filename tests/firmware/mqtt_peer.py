"""Runs on MicroPython: the node's MQTT client, driven by lines of JSON on the console. See test_mqtt.py."""

import asyncio
import binascii
import gc
import json
import os
import sys

from sluis_node import mqtt


def say(**what):
    print(json.dumps(what))  # noqa: T201


async def main(told):
    tls = None
    if "ca" in told:
        der = [binascii.unhexlify(told.get(name, "")) for name in ("ca", "certificate", "key")]
        tls = mqtt.tls_context(*der)
    client = mqtt.Client(
        tuple(told.get("hosts", ["127.0.0.1"])),
        told["port"],
        told.get("id", "peer"),
        told.get("name", ""),
        told.get("password", ""),
        tls,
        told.get("server", ""),
        ("will/" + told.get("id", "peer"), b"gone", 1, True),
        tuple(told.get("subscribe", ())),
        told.get("keepalive_s", 20),
        outbox=tuple(told.get("outbox", (16384, 256))),
    )
    client.PAUSE_MS = (100, 200)
    pieces = [0, 0]

    def piece(topic, offset, total, data):
        if not offset:
            pieces[:] = [0, 0]
        pieces[0] += len(data)
        pieces[1] = (pieces[1] + sum(data)) & 0xFFFF
        if pieces[0] == total:
            say(pieces=topic, total=total, sum=pieces[1])

    client.on_up = lambda: say(up=client.sessions)
    client.on_note = lambda text: say(note=text)
    client.on_message = lambda topic, payload, retained: say(got=topic, payload=payload.decode(), retained=retained)
    client.on_piece = piece
    running = asyncio.create_task(client.run())
    console = asyncio.StreamReader(sys.stdin)
    line = ""
    while True:
        char = await console.read(1)
        if not char:
            running.cancel()
            return
        if char != "\n":
            line += char
            continue
        wish, line = json.loads(line), ""
        if "publish" in wish:
            topic, payload = wish["publish"]
            for number in range(wish.get("times", 1)):
                text = payload.replace("#", str(number)).encode()
                place = topic.replace("#", str(number))
                client.publish(place, text, wish.get("qos", 1), wish.get("retain", False))
        elif "send" in wish:
            topic, payload = wish["send"]
            for number in range(wish["times"]):
                await client.send(topic, payload.replace("#", str(number)).encode())
        elif "pieces" in wish:
            topic, size = wish["pieces"]
            block = bytes(range(256)) * 16
            try:
                await client.send_pieces(topic, (block for _ in range(size // len(block))), size)
                say(sent=size)
            except mqtt.Lost as error:
                say(lost=str(error))
        elif "flush" in wish:
            say(flushed=await client.flush(wish["flush"]))
        gc.collect()
        box = client.outbox
        say(held=len(box), used=box.used, dropped=box.dropped, up_now=client.up, too_large=client.too_large)


asyncio.run(main(json.loads(os.getenv("PEER"))))
