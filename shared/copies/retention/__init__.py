"""Retention: which copies and which restore points are kept, and by which rule. Pure; a deletion decides by the same code as a run.

`facts` is what the rules read, `copies` the table of copies in a target region, `source_points` that of a VM's restore points, `buckets`
the days, weeks, months and years that keep a copy, `requests` what a caller may delete. docs/design/copy-policies.md, "Retention".
"""
