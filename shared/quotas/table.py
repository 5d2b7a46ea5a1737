"""The name of the table of reservations, which the capabilities that use it declare."""

from typing import Final

TABLE: Final = "quotas"
