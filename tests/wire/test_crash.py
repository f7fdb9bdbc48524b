"""Pages of failed trials: the same fault is the same on every node, and another is another."""

from __future__ import annotations

from typing import Any

from sluis.wire.crash import essence, fingerprint, grouped

TRACE = """Traceback (most recent call last):
  File "/main.py", line 16, in run
  File "/{slot}/sluis_node/app.py", line {line}, in main
OSError: [Errno {errno}] at 0x{address}
"""


def page(slot: str = "a", line: int = 12, errno: int = 5, address: str = "2000ff10", **other: Any) -> dict[str, Any]:
    text = TRACE.format(slot=slot, line=line, errno=errno, address=address)
    return {"slot": slot, "reset_cause": "restart", "lines": [], "traceback": text, **other}


def silent(last: str, cause: str = "watchdog") -> dict[str, Any]:
    return {"slot": "b", "reset_cause": cause, "lines": ["[0] tries (9 B free)", last, ""], "traceback": ""}


def test_slot_line_and_address_make_no_other_fault() -> None:
    assert fingerprint(page()) == fingerprint(page("b", 99, 5, "20001234"))
    assert essence(page())[1] == "sluis_node/app.py main"


def test_another_function_or_error_is_another_fault() -> None:
    other = page(traceback=page()["traceback"].replace("in main", "in health"))
    wrong = page(traceback=page()["traceback"].replace("OSError", "ValueError"))
    assert len({fingerprint(each) for each in (page(), other, wrong)}) == 3


def test_without_a_traceback_the_last_line_and_the_reset_tell() -> None:
    one, same = silent("[12] no answer from pin 4 (41000 B free)"), silent("[13] no answer from pin 4 (39999 B free)")
    assert fingerprint(one) == fingerprint(same)
    assert fingerprint(one) != fingerprint(silent("[12] no answer from pin 4", "power"))
    assert fingerprint(one) != fingerprint(silent("[12] the broker was not reached"))


def test_a_damaged_page_has_a_fingerprint_too() -> None:
    assert len(fingerprint({"lines": 3, "traceback": None})) == 12


def test_the_most_frequent_comes_first() -> None:
    pages = {"n1": page(), "n2": silent("x"), "n3": page("b"), "n4": page(line=1)}
    assert list(grouped(pages).values()) == [["n1", "n3", "n4"], ["n2"]]
