"""Who did not get in, read from the broker's log (lines as mosquitto 2.0.11 writes them)."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sluis.links.broker.refusals import KEPT, Refusals
from sluis.model import Stamp

NODE = "e66141040302"


def log(address: str, port: int, *lines: str) -> list[str]:
    return [f"New connection from {address}:{port} on port 8883.", *lines]


def let_in(address: str, port: int, name: str = NODE) -> list[str]:
    return log(address, port, f"New client connected from {address}:{port} as {name} (p2, c1, k60, u'{name}').")


REFUSED = "Client <unknown> disconnected, not authorised."
ALERT = "OpenSSL Error[0]: error:0A000418:SSL routines::tlsv1 alert unknown ca"
BROKE_OFF = "Client <unknown> disconnected: Protocol error."
TAKEN = f"Client {NODE} already connected, closing old connection."


class Book:
    """Refusals, and a second between two lines."""

    def __init__(self) -> None:
        self.second = 1
        self.refusals = Refusals(self.now, 1883)

    def now(self) -> Stamp:
        return Stamp(1_795_500_000_000_000 + self.second * 1_000_000, self.second * 1_000_000)

    def hear(self, *lines: str) -> None:
        for line in lines:
            self.second += 1
            self.refusals.heard(line)


def test_a_refusal_is_that_of_whoever_lives_there() -> None:
    book = Book()
    book.hear(*let_in("192.0.2.9", 1000), *let_in("192.0.2.8", 1001, "other"))
    assert book.refusals.address(NODE) == "192.0.2.9"
    book.hear(*log("192.0.2.9", 1002, REFUSED))
    found = book.refusals.of(NODE, 0)
    assert found is not None
    assert (found.why, found.address) == ("key", "192.0.2.9")
    assert book.refusals.of("other", 0) is None
    assert book.refusals.of(NODE, book.now().at_us + 1) is None, "before the question"
    book.hear(*let_in("192.0.2.9", 1003))
    assert book.refusals.of(NODE, 0) is None, "it is in now"


def test_a_stranger_is_nobodys_node() -> None:
    book = Book()
    book.hear(*let_in("192.0.2.9", 1000), *log("192.0.2.77", 1001, ALERT, BROKE_OFF))
    found = book.refusals.of_strangers(0)
    assert found is not None
    assert (found.why, found.address, found.detail) == ("certificate", "192.0.2.77", "unknown ca")
    assert book.refusals.of(NODE, 0) is None


def test_of_two_that_knock_nobody_knows_which_was_refused() -> None:
    book = Book()
    book.hear(*log("192.0.2.9", 1000), *log("192.0.2.8", 1001, REFUSED))
    found = book.refusals.of_strangers(0)
    assert found is not None
    assert found.address == ""


def test_the_gateways_own_knocking_is_no_connection_of_a_device() -> None:
    book = Book()
    book.hear(
        "New connection from 127.0.0.1:5000 on port 1883.",
        "New client connected from 127.0.0.1:5000 as sluis-probe (p2, c1, k10, u'sluis-probe').",
        *log("127.0.0.1", 5001, REFUSED),
    )
    found = book.refusals.of_strangers(0)
    assert found is not None
    assert found.address == "127.0.0.1"


def test_a_device_that_closed_without_an_error_was_not_refused() -> None:
    book = Book()
    book.hear(*log("192.0.2.9", 1000, BROKE_OFF, "Client <unknown> closed its connection."))
    assert book.refusals.of_strangers(0) is None


def test_two_boards_are_told_from_one_that_came_back() -> None:
    book = Book()
    book.hear(*let_in("192.0.2.9", 1000), TAKEN, *let_in("192.0.2.9", 1001))
    assert not book.refusals.twice(NODE), "it lost its network once"
    book.hear(TAKEN, TAKEN)
    assert book.refusals.twice(NODE)
    book.second += 3_600
    assert not book.refusals.twice(NODE), "one of the two was switched off"


@given(
    st.lists(st.sampled_from([*let_in("192.0.2.9", 1), REFUSED, ALERT, BROKE_OFF, TAKEN, ""]) | st.text(max_size=80))
)
def test_no_line_makes_it_stumble(lines: list[str]) -> None:
    book = Book()
    book.hear(*lines)
    book.refusals.of(NODE, 0)
    book.refusals.of_strangers(0)


def test_what_is_remembered_is_bounded() -> None:
    book = Book()
    for number in range(3 * KEPT):
        book.hear(*log(f"198.51.100.{number % 250}", 2000 + number, REFUSED))
    assert len(book.refusals._refused) == KEPT
    for number in range(1_000):
        book.refusals.heard(f"New connection from 198.51.100.1:{number} on port 8883.")
    assert len(book.refusals._waiting) <= 64
