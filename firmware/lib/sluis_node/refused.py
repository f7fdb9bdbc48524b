"""The two ways in which a node does not do what it is asked: never, and not now."""


class Refused(ValueError):
    """Why a document, or what it asks for, is not taken: a code of the gateway's, and a sentence."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


class Later(Exception):
    """Not now: why, and in how many seconds to ask again."""

    def __init__(self, text: str, after_s: int) -> None:
        super().__init__(text)
        self.after_s = after_s
