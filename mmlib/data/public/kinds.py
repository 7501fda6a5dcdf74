"""How a set that can be fetched is described; the sets themselves stand in `mmlib.data.public.sources`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Members:
    """Which files an archive must hold, and the folder below the data root where they are laid.

    `pattern`: of a member's path; its first group is the file's name. `digest`: `members_digest` of them all, or of
    those whose names stand in `sample` (without ending).
    """

    pattern: str
    into: str
    count: int
    digest: str = ""
    sample: tuple[str, ...] = ()


@dataclass(frozen=True)
class PublicFile:
    """One file to fetch. `path`: where it lies below the data root. `urls`: the same file, tried in order.

    `megabytes`: about. `members`: it is an archive, which is unpacked and then deleted. `optional`: only by `--all`.
    """

    path: str
    urls: tuple[str, ...]
    megabytes: float
    sha256: str = ""
    unpacked_sha256: str = ""
    members: Members | None = None
    optional: bool = False


@dataclass(frozen=True)
class ManyFiles:
    """Files that a list names, fetched several at a time.

    `listing`: the list's path below the data root, `names`: reads it. `kinds`: by folder below the data root, the
    ending of the files and the two addresses of its folder: of the files, and of their Git LFS pointers, which hold the
    checksum of each.
    """

    listing: str
    names: Callable[[Path], list[str]]
    kinds: tuple[tuple[str, str, str, str], ...]
    size: str


@dataclass(frozen=True)
class PublicSet:
    """One set: what it is, under which licence, its page, what it is for, its files, and what to do next."""

    title: str
    licence: str
    page: str
    purpose: str
    files: tuple[PublicFile, ...]
    then: tuple[str, ...]
    many: ManyFiles | None = None
