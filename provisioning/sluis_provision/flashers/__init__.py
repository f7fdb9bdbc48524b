"""Writing one board on one port: by esptool, by its UF2 drive, by its REPL."""

from sluis_provision.flashers.buttons import Buttons
from sluis_provision.flashers.esp import Esp
from sluis_provision.flashers.kinds import BoardFound, Flasher, Part, Progress
from sluis_provision.flashers.repl import Repl
from sluis_provision.flashers.uf2 import Uf2

__all__ = ["BoardFound", "Buttons", "Esp", "Flasher", "Part", "Progress", "Repl", "Uf2"]
