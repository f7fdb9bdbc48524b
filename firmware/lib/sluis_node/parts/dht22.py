"""DHT22, AM2302: temperature and humidity on a wire of its own. Read by MicroPython's own `dht`.

Source: Aosong AM2302 product manual (2 s between readings; 40 bits with a sum; -40 to 80 °C).
"""

import asyncio

from sluis_node.fields import Number, Pin
from sluis_node.part import Fault, Part

TRIES = 2
BETWEEN_MS = 2000
"""Asked sooner, it answers with nothing or with the reading before."""


class Dht22(Part):
    FIELDS = {"pin": Pin(out=True), "offset": Number(0, -10, 10)}
    EVERY_MIN_S = 2
    CHECK = "Does it have 3.3 V, its wires in their order, and a resistor of 10 kOhm from its data wire to 3.3 V?"

    def points(self):
        every_s = self.settings["every_s"]
        return {
            "temperature": {"quantity": "temperature", "unit": "°C", "min": -40, "max": 80, "every_s": every_s},
            "humidity": {"quantity": "humidity", "unit": "%", "min": 0, "max": 100, "every_s": every_s},
        }

    def start(self):
        from dht import DHT22
        from machine import Pin

        self._sensor = DHT22(Pin(self.settings["pin"]))

    async def read(self):
        for left in range(TRIES - 1, -1, -1):
            try:
                self._sensor.measure()
                break
            except OSError:
                trouble = Fault("nothing answers on its wire")
            except Exception:  # the library has no narrower one for a wrong sum
                trouble = Fault("the sensor's answer is damaged (wrong sum)")
            if not left:
                raise trouble
            await asyncio.sleep_ms(BETWEEN_MS)
        celsius, percent = self._sensor.temperature(), self._sensor.humidity()
        if not celsius and not percent:
            raise Fault("the sensor answers with nothing but zeros: its data wire is held low")
        return {"temperature": round(celsius + self.settings["offset"], 1), "humidity": percent}


PART = Dht22
