"""What stands in the rack of a meeting room: an Extron switcher and a Denon receiver."""

from __future__ import annotations

from sluis.demo.av.device import AvDevice, Session


class ExtronSwitcher(AvDevice):
    """Simple Instruction Set of a scaler with one output (Extron IN1606 and IN1608 user guide). Orders need no end of
    line; those that begin with Escape end with a carriage return. Here each order has its carriage return."""

    NAMES = {"!": "In", "B": "Vmt", "Z": "Amt", "V": "Vol"}  # noqa: RUF012  (never changed)

    def __init__(self, *, password: str = "", inputs: int = 8) -> None:
        super().__init__()
        self.password, self.inputs = password, inputs
        self.held = {"!": 1, "B": 0, "Z": 0, "V": 40}
        self.is_verbose = False

    def opened(self, session: Session, now_s: float) -> bytes:
        banner = (
            b"\r\n(c) Copyright 2013, Extron Electronics, IN1608, V1.03, 60-1238-01\r\nWed, 25 Nov 2026 09:14:03\r\n"
        )
        session.is_known = not self.password
        return banner + (b"\r\nPassword:" if self.password else b"")

    def answer(self, session: Session, frame: bytes, now_s: float) -> bytes:
        line = frame.decode("latin-1")
        if not session.is_known:
            session.is_known = line == self.password
            return b"\r\nLogin Administrator\r\n\r\n" if session.is_known else b"\r\nPassword:"
        if line == "\x1b3CV":
            self.is_verbose = True
            return b"Vrb3\r\n"
        if line == "Q":
            return b"Ver01*1.03\r\n" if self.is_verbose else b"1.03\r\n"
        if not line or line[-1] not in self.held:
            return b"E10\r\n"
        return self._asked(line[-1]) if len(line) == 1 else self._set(line[-1], line[:-1])

    def _asked(self, about: str) -> bytes:
        return (self._told(about) if self.is_verbose else f"{self.held[about]}\r\n").encode()

    def _set(self, about: str, wish: str) -> bytes:
        if not wish.isdigit():
            return b"E10\r\n"
        most = {"!": self.inputs, "B": 2, "Z": 1, "V": 100}[about]
        if int(wish) > most:
            return b"E01\r\n" if about == "!" else b"E13\r\n"
        self.held[about] = int(wish)
        return self._told(about).encode()

    def _told(self, about: str) -> str:
        return f"{self.NAMES[about]}{self.held[about]}{' All' if about == '!' else ''}\r\n"

    def press(self, number: int) -> None:
        """Somebody presses the button of an input on its front."""
        self.held["!"] = number
        self.told.append(self._told("!").encode())


class DenonReceiver(AvDevice):
    """Two letters and what they are about (Denon AVR control protocol). Everybody hears what changes; an order that
    changes nothing is answered with nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.held = {"PW": "STANDBY", "MV": "505", "MU": "OFF", "SI": "BD"}

    def answer(self, session: Session, frame: bytes, now_s: float) -> bytes:
        line = frame.decode("ascii", "replace")
        about, wish = line[:2], line[2:]
        if about not in self.held:
            return b""
        if wish == "?":
            return self._line(about) + (b"MVMAX 98\r" if about == "MV" else b"")
        if about == "MV" and wish in ("UP", "DOWN"):
            half = int(self.held["MV"].ljust(3, "0")) + (5 if wish == "UP" else -5)
            wish = f"{half // 10:02d}" + ("5" if half % 10 else "")
        if (self.held["PW"] == "STANDBY" and about != "PW") or wish == self.held[about]:
            return b""
        self.held[about] = wish
        self.told.append(self._line(about) + (b"ZMON\r" if line == "PWON" else b""))
        return b""

    def _line(self, about: str) -> bytes:
        return f"{about}{self.held[about]}\r".encode()
