"""A serial server on the network: pyserial's own RFC 2217 server over whatever port it is given."""

from __future__ import annotations

import contextlib
import socket
import threading

import serial
from serial.rfc2217 import PortManager


class SerialServer:
    """One port, one client at a time. `device` is a URL of pyserial's for what hangs on it."""

    def __init__(self, device: str, tcp_port: int = 0) -> None:
        self.port = serial.serial_for_url(device, timeout=0.05)
        """The port that the client sets: its `baudrate` and `parity` are what has arrived."""
        self._listening = socket.create_server(("127.0.0.1", tcp_port))
        self.tcp_port = int(self._listening.getsockname()[1])
        self._client: socket.socket | None = None
        self._stopping = False
        self._threads = [threading.Thread(target=run, daemon=True) for run in (self._serve, self._carry)]
        self._manager: PortManager | None = None
        for thread in self._threads:
            thread.start()

    def write(self, data: bytes) -> None:
        """Called by the manager for what goes to the client."""
        with contextlib.suppress(OSError):
            if self._client is not None:
                self._client.sendall(data)

    def _serve(self) -> None:
        """Client after client: what it says, to the port."""
        while not self._stopping:
            try:
                self._client, _ = self._listening.accept()
                self._manager = PortManager(self.port, self)
                while data := self._client.recv(1024):
                    self.port.write(b"".join(self._manager.filter(data)))
            except (OSError, serial.SerialException):
                continue
            finally:
                self._manager = None

    def _carry(self) -> None:
        """What the port hears, to the client."""
        while not self._stopping:
            with contextlib.suppress(serial.SerialException):
                data = self.port.read(self.port.in_waiting or 1)
                if data and self._manager is not None:
                    self.write(b"".join(self._manager.escape(data)))

    def stop(self) -> None:
        """As when its power goes."""
        self._stopping = True
        for one in (self._client, self._listening):
            if one is not None:
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)
                one.close()
        for thread in self._threads:
            thread.join(5)
        self.port.close()
