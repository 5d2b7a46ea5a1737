"""A text that must not be shown: a password, a token, a key."""

from typing import Final, NoReturn

_SHOWN: Final = "<hidden>"


class Hidden:
    """A secret text. `repr`, `str` and formatting show a placeholder; it cannot be copied, pickled or written as JSON."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the text, for the one call that needs it."""
        return self._text

    def __repr__(self) -> str:
        return _SHOWN

    def __format__(self, _specification: str) -> str:
        return _SHOWN

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Hidden) and other._text == self._text

    def __hash__(self) -> int:
        return hash((Hidden, self._text))

    def __reduce_ex__(self, _protocol: object) -> NoReturn:
        raise TypeError("A hidden text cannot be copied or pickled.")
