"""How many examples a property test draws where the default is too many or too few."""

from hypothesis import settings

_BY_DEFAULT = 100


def drawn(count: int) -> int:
    """Return a number of examples in proportion to the profile: `count` by default, fewer in CI (tests/conftest.py)."""
    return max(1, count * settings.default.max_examples // _BY_DEFAULT) if settings.default else count
