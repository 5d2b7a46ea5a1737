"""Installations of Azure Pack: which there are, how each is reached, and who is signed in (docs/design/data-centers.md)."""

from typing import Final

TABLE: Final = "azurePacks"
