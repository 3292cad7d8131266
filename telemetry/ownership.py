"""Whose the files are that a command makes in the folder of a service.

A service runs as a user of its own (`DynamicUser=` of the unit), and beside that user only root may enter its
folders: so commands on them run as root. Promises: what root makes there belongs to the owner of the folder,
for the service could not use it else; what others make is theirs, as always.
"""

import os
from pathlib import Path


def make_private_directory(path: Path) -> None:
    """Make one directory, if it is missing, that only its owner may enter: who owns the folder above it."""
    try:
        path.mkdir(mode=0o700)
    except FileExistsError:
        return
    if os.geteuid() != 0:
        return
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        give_to_owner_of(path.parent, descriptor)
    finally:
        os.close(descriptor)


def give_to_owner_of(folder: Path, descriptor: int) -> None:
    """Let what root has just made in `folder`, and has open, belong to the folder's owner."""
    if os.geteuid() == 0:
        owner = folder.stat()
        os.fchown(descriptor, owner.st_uid, owner.st_gid)
