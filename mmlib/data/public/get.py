"""`mmlib data get`: say the licence, fetch what is not there yet, check it, lay it where preparation looks for it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from mmlib.data.progress import Progress
from mmlib.data.public.by_hand import BY_HAND
from mmlib.data.public.fetch import Unsuitable, fetch, mirrored, unpacked_is
from mmlib.data.public.kinds import ManyFiles, PublicFile, PublicSet
from mmlib.data.public.sources import MADE_OF, PUBLIC, WHOLE
from mmlib.data.public.unpack import unpack, unpacked
from mmlib.errors import DataError, ParameterError
from mmlib.files import sha256_file

AT_ONCE = 8
Say = Callable[[str], None]


def get(name: str, root: Path, *, mirror: str = "", everything: bool = False, say: Say = print) -> bool:
    """Fetch a set, or the sets a data set is made of, below `root`; False where a person has to do it.

    Raises `ParameterError` (no such set), `DataError` (no address gives a file, with the steps by hand),
    `OutputsError`.
    """
    names = MADE_OF.get(name, (name,))
    if names[0] in PUBLIC:
        for one in names:
            _get_set(one, PUBLIC[one], root, mirror, everything, say)
        others = tuple(f"mmlib data get {one} " for one in names)
        for step in PUBLIC[names[-1]].then:
            if not step.startswith(others):
                say(f"  then: {step}".replace("ROOT", str(root)))
        return True
    say(without_fetching(name, root))
    return False


def offer(name: str) -> str:
    """The command that fetches a data set; "" where not all of it is free to fetch."""
    return f"mmlib data get {name} --data-root FOLDER" if name in WHOLE else ""


def without_fetching(name: str, root: Path) -> str:
    """What a person does for a set that is not fetched. Raises `ParameterError` for an unknown one."""
    from mmlib.data.catalogue import DATASETS

    if name in BY_HAND:
        hand = BY_HAND[name]
        steps = [f"  {number}. {step}" for number, step in enumerate(hand.steps, 1)]
        text = "\n".join([f"{name} is not fetched: {hand.why}.", f"Its page: {hand.page}", *steps])
        return text.replace("ROOT", str(root)).replace("NAME", name)
    if name in DATASETS:
        info = DATASETS[name]
        return f"{name} is not fetched: {info.title}, {info.origin}. Licence: {info.licence}."
    known = ", ".join(sorted({*PUBLIC, *MADE_OF}))
    raise ParameterError(f"there is no data set {name!r} to get. Choose one of: {known}; or one of `mmlib data list`.")


def _get_set(name: str, what: PublicSet, root: Path, mirror: str, everything: bool, say: Say) -> None:
    files = [file for file in what.files if everything or not file.optional]
    say(f"{name}: {what.title}")
    say(f"  licence: {what.licence}")
    say(f"  from {what.page}, for {what.purpose}")
    more = f", and {what.many.size}" if what.many else ""
    say(f"  {_size(sum(file.megabytes for file in files))} in {len(files)} files{more}, into {root}")
    for file in files:
        _get_file(name, what, file, root, mirror, say)
    if what.many is not None:
        _get_many(name, what, what.many, root, mirror, say)


def _size(megabytes: float) -> str:
    return f"about {megabytes / 1000:.1f} GB" if megabytes >= 1000 else f"about {max(megabytes, 0.1):.1f} MB"


def _get_file(name: str, what: PublicSet, file: PublicFile, root: Path, mirror: str, say: Say) -> None:
    target = root / file.path
    if present(file, root):
        place = root / file.members.into if file.members else target
        say(f"  {place}: there already")
        return
    notes: list[str] = []
    settle = None
    if file.members is not None:
        members = file.members

        def settle(archive: Path) -> None:
            note = unpack(archive, members, root / members.into)
            archive.unlink()
            notes.append(f"{root / members.into}: {members.count} files, {note}")

    check = unpacked_is(file.unpacked_sha256) if file.unpacked_sha256 else None
    if check is not None and target.is_file():
        say(f"  {target} is not the published file: it is fetched again")
        target.unlink()
    try:
        say(f"  {target.name}: {_size(file.megabytes)}")
        wrong = fetch(
            target,
            mirrored(file.urls, mirror),
            sha256=file.sha256,
            check=check,
            settle=settle,
            title=f"  {target.name}",
        )
    except LookupError as error:
        lines = "\n".join(f"  {line}" for line in error.args)
        raise DataError(
            f"{name}: {target.name} could not be fetched.\n{lines}\n{_by_hand(name, what, target, root)}"
        ) from None
    for line in wrong:
        say(f"  passed over {line}")
    if not file.members:
        known = file.sha256 or file.unpacked_sha256
        own = "checksum as published" if known else f"checksum not known; its own is sha256 {sha256_file(target)}"
        notes = [f"{target}: {own}"]
    for note in notes:
        say(f"  {note}")


def _by_hand(name: str, what: PublicSet, target: Path, root: Path) -> str:
    return (
        f"By hand: open {what.page}, save the file as {target}, and run `mmlib data get {name} --data-root {root}` "
        "again: it goes on from there. Copies on another server: --mirror URL."
    )


def present(file: PublicFile, root: Path) -> bool:
    """Whether a file, or what is in the archive, lies below `root`, sound as far as its checksum is known."""
    if file.members is not None:
        return unpacked(file.members, root / file.members.into)
    target = root / file.path
    if not target.is_file():
        return False
    if file.unpacked_sha256:
        try:
            unpacked_is(file.unpacked_sha256)(target)
        except Unsuitable:
            return False
        return True
    return not file.sha256 or sha256_file(target) == file.sha256


def _get_many(name: str, what: PublicSet, many: ManyFiles, root: Path, mirror: str, say: Say) -> None:
    """Fetch listed files, `AT_ONCE` at a time; stops where a whole round fails."""
    names = many.names(root / many.listing)
    wanted = [
        (root / folder / f"{one}{ending}", f"{files}/{one}{ending}", f"{pointers}/{one}{ending}")
        for folder, ending, files, pointers in many.kinds
        for one in names
    ]
    left = [entry for entry in wanted if not entry[0].is_file()]  # a file in place is whole
    say(f"  {len(wanted) - len(left)} of {len(wanted)} files are there already")
    progress = Progress(f"  {name}", len(wanted), "files", done=len(wanted) - len(left))
    failed: list[str] = []
    unknown = 0
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for first in range(0, len(left), 8 * AT_ONCE):
            some = left[first : first + 8 * AT_ONCE]
            outcomes = list(pool.map(lambda entry: _get_one(*entry, mirror), some))
            lost = [problem for _, problem in outcomes if problem]
            unknown += sum(not known for known, problem in outcomes if not problem)
            failed += lost
            progress.advance(len(some) - len(lost))
            if len(lost) == len(some):
                break
    if failed:
        raise DataError(
            f"{name}: {len(failed)} files or more could not be fetched, the first:\n  {failed[0]}\nRun the same "
            f"command again: it fetches what lacks. By hand: {what.page}."
        )
    checked = f"{unknown} files without a known checksum" if unknown else "checksums as published"
    say(f"  {len(left)} files fetched, {checked}")


def _get_one(target: Path, url: str, pointer: str, mirror: str) -> tuple[bool, str]:
    """Fetch one file; whether its checksum was known, and what went wrong, if anything."""
    sha256 = next(filter(None, map(pointed_sha256, mirrored([pointer], mirror))), "")
    try:
        fetch(target, mirrored([url], mirror), sha256=sha256)
    except LookupError as error:
        return bool(sha256), str(error.args[0])
    return bool(sha256), ""


def pointed_sha256(url: str) -> str:
    """The SHA-256 that a Git LFS pointer names; "" where there is no such pointer."""
    import re

    import requests

    try:
        response = requests.get(url, timeout=30)
        response.raise_for_status()
    except requests.RequestException:
        return ""
    found = re.search(r"^oid sha256:([0-9a-f]{64})$", response.text[:300], re.M)
    return found[1] if found else ""
