"""From a bare chip to a device with a label: esptool as it comes, Improv, TLS, the factory test, a name for it."""

from __future__ import annotations

import io
import json
import signal
from pathlib import Path

import pytest
from PIL import Image

from sluis_provision.rehearsal import micropython
from tests.cli.test_board_try import ended, started
from tests.provision.papers.conftest import codes_of

from .conftest import start_demo, wait_for

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.skipif(micropython() is None, reason="there is no MicroPython for this machine"),
]

WIFI, PASSWORD = "building", "a long word for it"


def test_a_bare_chip_becomes_a_device_with_a_label(tmp_path: Path) -> None:
    demo = start_demo(tmp_path / "data")
    tray, (chip,) = started("--kind", "esp32c3", "--wifi", f"{WIFI}:{PASSWORD}", "--folder", tmp_path / "tray")
    sluis = demo.sluis
    try:
        port, image, mac = chip["port"], chip["image"], chip["uid"]
        wrong = sluis("flash", "--profile", "esp32-s3", "--port", port, "--image", image, "--yes", code=1)
        assert "esp32c3" in wrong, "an image for another chip is refused"
        # esptool writes it, and the same port is MicroPython's prompt.
        told = sluis("flash", "--profile", "esp32-c3", "--port", port, "--image", image, "--yes", "--json")
        (card,) = json.loads(told.splitlines()[-1])["report"]["boards"]
        assert (card["step"], card["id"]) == ("done", mac), card
        with demo.client() as client:
            wish = {"ports": [port], "profile": "esp32-c3", "image": "keep", "firmware": "ours", "key": False}
            assert client.post("bench", json=wish).status_code == 202

            def written() -> bool:
                found = client.get("bench").json()["boards"]
                assert not [one for one in found if one["step"] == "failed"], json.dumps(found)
                return [one["step"] for one in found] == ["done"]

            wait_for(written, "a board with our firmware", 150)
            # Its network by Improv: a wrong password is seen at once, the right one and its key follow.
            sluis("node", "network-add", WIFI, typed="not this\nnot this\n")
            sluis("enrol", "--improv", port, code=1)
            sluis("node", "network-add", WIFI, typed=f"{PASSWORD}\n{PASSWORD}\n")
            proven = json.loads(sluis("enrol", "--improv", port, "--json"))
            assert (proven["network"], proven["node"]["state"]) == (WIFI, "proven"), proven
            assert client.post("bench/place", json={"node": mac, "name": "Attic", "area": "Attic"}).status_code == 200
            key = f"sluis-node-{mac}"
            wait_for(lambda: client.get(f"devices/{key}").json()["availability"] == "online", "the device")
            (code,) = codes_of(Image.open(io.BytesIO(client.get(f"devices/{key}/label").content)))
            assert code.endswith(f"/d/{key}")
    finally:
        tray.send_signal(signal.SIGINT)
        assert ended(tray) == 0
        demo.stop()
