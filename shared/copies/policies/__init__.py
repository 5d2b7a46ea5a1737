"""Copy policies: the document and what is refused of it, which VMs it covers, and which of several policies is in charge. Pure.

`document` has the fields, `selector` and `timing` two of its parts, `fields` their types; `reading` reads and checks a document;
`coverage` is the rule of selection, `in_charge` the one of overlaps. docs/design/copy-policies.md.
"""
