"""OData as VMM uses it: keys, literals, documents, pages."""

from shared.azure_pack.odata.literals import Key, all_of, eq, literal
from shared.azure_pack.odata.paging import pages

__all__ = ["Key", "all_of", "eq", "literal", "pages"]
