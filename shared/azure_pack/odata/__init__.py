"""OData as VMM uses it: keys, literals, documents, pages."""
