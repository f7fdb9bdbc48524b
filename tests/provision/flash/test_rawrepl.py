"""The raw REPL with boards that are old, noisy, silent, or gone: each ends in time, with a sentence."""

from __future__ import annotations

import random

import pytest

from sluis_provision.flashers.console import who
from sluis_provision.flashers.port import opened
from sluis_provision.flashers.problem import NoRepl, Unplugged
from sluis_provision.flashers.rawrepl import RawRepl
from tests.provision.flash.boards import PROMPT, a_board, old_and_small, prompt_then


async def test_a_board_without_raw_paste_is_spoken_to_in_small_pieces() -> None:
    ran: list[bytes] = []
    source = "print('ok')\n" + "# " + "x" * 3000
    with a_board(old_and_small(ran)) as name:
        async with opened(name) as port:
            repl = RawRepl(port)
            await repl.enter()
            assert (await repl.run(source)).strip() == "ok"
    assert ran == [source.encode()]


@pytest.mark.parametrize("noise", [b"", b"\xff\x00garbage\x04\x01R", b"raw REPL; CTRL-B to exi", bytes(range(256))])
async def test_a_board_that_only_makes_noise_is_given_up_in_time(noise: bytes) -> None:
    with a_board(lambda _heard: b"", unasked=noise) as name:
        async with opened(name) as port:
            with pytest.raises(NoRepl, match=r"does not stop for us"):
                await RawRepl(port, answer_s=0.3).enter(hold_s=0.3)


async def test_noise_is_shown_so_that_a_person_can_see_what_is_there() -> None:
    with a_board(lambda _heard: b"", unasked=b"rst:0x10 (RTCWDT)\r\n") as name:
        async with opened(name) as port:
            with pytest.raises(NoRepl, match="RTCWDT"):
                await RawRepl(port, answer_s=0.3).enter(hold_s=0.3)


@pytest.mark.parametrize("seed", range(4))
async def test_garbage_in_the_place_of_an_answer_is_no_answer(seed: int) -> None:
    garbage = random.Random(seed).randbytes(200)
    with a_board(prompt_then(garbage)) as name:
        async with opened(name) as port:
            repl = RawRepl(port)
            await repl.enter()
            with pytest.raises(NoRepl):
                await RawRepl(port, answer_s=0.3).run("print(1)", within_s=0.5)


async def test_a_board_that_is_pulled_while_it_is_spoken_to_is_unplugged() -> None:
    with a_board(prompt_then(None)) as name:
        async with opened(name) as port:
            repl = RawRepl(port)
            await repl.enter()
            with pytest.raises((Unplugged, NoRepl)):
                await repl.run("print(1)")


async def test_a_board_that_answers_nonsense_about_itself_is_not_believed() -> None:
    def answer(heard: bytes) -> bytes:
        if heard.endswith(b"\x05A\x01"):
            return b"R\x00"
        if heard.endswith(b"\x04"):
            return b"OKSLUIS-WHO\tonly two\r\n\x04\x04>"
        return PROMPT if heard.endswith(b"\x01") else b""

    with a_board(answer) as name:
        async with opened(name) as port:
            repl = RawRepl(port)
            await repl.enter()
            with pytest.raises(NoRepl, match="what it is"):
                await who(repl)
