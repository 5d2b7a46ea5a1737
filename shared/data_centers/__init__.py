"""Virtual data centers on Azure Pack, as billing systems order them (docs/design/data-centers.md)."""
