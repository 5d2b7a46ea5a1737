"""Restores: disks, machines and applications made from usable copies, and drills of them (docs/design/restores.md).

`request` is what is sent, `rules` decides without I/O, `sources` finds the restore points, `reading` asks Azure, `service` accepts,
`workflow` has the steps, `making` the effects, `state` what is stored, `answers` what callers see.
"""
