"""Compares the ledger with Azure, VM by VM, once a day: copies that are gone, copies that others made, VMs that are gone or replaced.

`rules` compares what was read, `records` has the rows, `service` reads and writes. docs/design/copy-policies.md, "Reconciliation".
"""
