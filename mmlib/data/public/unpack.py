"""Unpack the members of an archive that are wanted, and know them by their content."""

from __future__ import annotations

import re
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from mmlib.data.public.fetch import Unsuitable
from mmlib.data.public.kinds import Members
from mmlib.files import sha256_bytes, sha256_file

LARGEST = 1 << 28  # bytes of one member


def members_digest(paths: Iterable[Path]) -> str:
    """SHA-256 of the lines `SHA-256, two spaces, name` of files, in the order of their names (as sha256sum prints)."""
    named = sorted(paths, key=lambda path: path.name)
    return sha256_bytes("".join(f"{sha256_file(path)}  {path.name}\n" for path in named).encode())


def unpacked(members: Members, folder: Path) -> bool:
    """Whether a folder holds all members of an archive already, and, where their content is known, the right ones."""
    found = _present(members, folder)
    if len(found) != members.count:
        return False
    return not members.digest or bool(members.sample) or members_digest(found) == members.digest


def _present(members: Members, folder: Path) -> list[Path]:
    name = re.compile(members.pattern.rpartition("(")[2].removesuffix(")"))  # the group with the file's own name
    return [path for path in folder.glob("*") if name.fullmatch(path.name)]


def unpack(archive: Path, members: Members, folder: Path) -> str:
    """Lay an archive's members in `folder`, all or none; what is to be said of them.

    Only regular files whose whole path matches are read, and they are laid by their name alone. Raises `Unsuitable`
    (no sound archive, members missing, other content), `OSError`.
    """
    pattern = re.compile(members.pattern)
    waiting = folder.with_name(f".{folder.name}.unpacking")
    shutil.rmtree(waiting, ignore_errors=True)
    waiting.mkdir(parents=True)
    try:
        with _opened(archive) as content:
            for path, stream in content:
                if found := pattern.fullmatch(path):
                    with open(waiting / found[1], "wb") as target:
                        shutil.copyfileobj(stream, target)
        files = list(waiting.iterdir())
        note = _judge(members, files)
        folder.mkdir(parents=True, exist_ok=True)
        for path in files:
            path.replace(folder / path.name)
        return note
    finally:
        shutil.rmtree(waiting, ignore_errors=True)


def _judge(members: Members, files: list[Path]) -> str:
    if len(files) != members.count:
        raise Unsuitable(f"the archive holds {len(files)} of {members.count} files")
    if not members.digest:
        return "their checksums are not known"
    known = [path for path in files if not members.sample or path.stem in members.sample]
    same = members_digest(known) == members.digest
    if members.sample:
        verdict = "are as published" if same else "DIFFER: another release; results may differ from those shown here"
        return f"the {len(known)} whose checksums are known {verdict}"
    if not same:
        raise Unsuitable("the checksums of the files in the archive are not those of the published ones")
    return "checksums as published"


@contextmanager
def _opened(archive: Path) -> Iterator[Iterator[tuple[str, IO[bytes]]]]:
    """The regular files of a zip or tar archive, one after the other: path and content."""
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as content:
                yield _zip_files(content)
        else:
            with tarfile.open(archive) as content:
                yield _tar_files(content)
    except (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError) as error:
        raise Unsuitable(f"{archive.name} is no sound archive ({error})") from error


def _zip_files(content: zipfile.ZipFile) -> Iterator[tuple[str, IO[bytes]]]:
    for member in content.infolist():
        if not member.is_dir() and member.file_size <= LARGEST:
            with content.open(member) as stream:
                yield member.filename, stream


def _tar_files(content: tarfile.TarFile) -> Iterator[tuple[str, IO[bytes]]]:
    for member in content:
        if member.isfile() and member.size <= LARGEST:
            stream = content.extractfile(member)
            if stream is not None:
                yield member.name, stream
