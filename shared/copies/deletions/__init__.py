"""Deletions of copies: each is an operation that decides again by what Azure shows, right before it deletes the restore point.

`request` is what is stored of a request, `service` accepts it, `reading` reads what the rules need from Azure, `decision` applies them,
`workflow` has the steps. docs/design/copy-policies.md, "Deletions".
"""
