"""Boards that misbehave, behind a pseudo terminal: each does one thing that real ones were seen to do."""

from __future__ import annotations

import os
import select
import threading
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Answer = Callable[[bytes], bytes | None]
"""What the board says to what it has heard since it last answered; None to unplug itself."""


@contextmanager
def a_board(answer: Answer, unasked: bytes = b"") -> Iterator[str]:
    """The port of a board that answers so. `unasked`: what it says over and over while nobody asks."""
    board, host = os.openpty()
    tty.setraw(host)
    ended = threading.Event()
    thread = threading.Thread(target=_live, args=(board, host, answer, unasked, ended), daemon=True)
    thread.start()
    try:
        yield os.ttyname(host)
    finally:
        ended.set()
        thread.join(5)


def _live(board: int, host: int, answer: Answer, unasked: bytes, ended: threading.Event) -> None:
    heard = b""
    try:
        while not ended.is_set():
            readable, writable, _ = select.select([board], [board] if unasked else [], [], 0.02)
            if readable:
                heard += os.read(board, 4096)
                said = answer(heard)
                if said is None:
                    os.close(host)
                    host = -1
                    return
                if said:
                    heard = b""
                    os.write(board, said)
            elif writable:
                os.write(board, unasked)
                ended.wait(0.005)
    except OSError:
        return
    finally:
        for end in (board, host):
            if end >= 0:
                os.close(end)


PROMPT = b"raw REPL; CTRL-B to exit\r\n>"


def old_and_small(ran: list[bytes]) -> Answer:
    """MicroPython from before raw paste: notes what it is told to run, and prints `ok`."""

    def answer(heard: bytes) -> bytes:
        if heard.endswith(b"\x01") and not heard.endswith(b"\x05A\x01"):
            return PROMPT
        if heard.endswith(b"\x05A\x01"):
            return b"R\x00"
        if heard.endswith(b"\x04"):
            ran.append(heard[:-1])
            return b"OKok\r\n\x04\x04>"
        return b""

    return answer


def prompt_then(said: bytes | None) -> Answer:
    """Gives its prompt, and to anything that it is to run says this."""

    def answer(heard: bytes) -> bytes | None:
        if heard.endswith(b"\x05A\x01"):
            return said
        return PROMPT if heard.endswith(b"\x01") else b""

    return answer
