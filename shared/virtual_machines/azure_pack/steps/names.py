"""The names of the steps, as rows have them.

packAdmitting ► packCreating ► packFollowing ► packMade (► packFollowing ► packDone)
packAdmitting ► packCalling ► packFollowing ► packDone
packAdmitting ► packDeleting (► packFollowing ► packDeleting …)
packAdmitting ► packPort
"""

from typing import Final

ADMITTING: Final = "packAdmitting"
CALLING: Final = "packCalling"
FOLLOWING: Final = "packFollowing"
DONE: Final = "packDone"
CREATING: Final = "packCreating"
MADE: Final = "packMade"
TIDYING: Final = "packTidying"
DELETING: Final = "packDeleting"
PORT: Final = "packPort"
