"""Open a media file with PyAV so that nothing but decoding one local file can happen, and name what is wrong with it.

Demuxers for playlists, scripts and plain text would follow what a file says, to other files or to a network: only
containers of media are allowed, and only local files.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from mmlib.data.media.reasons import Reason, SkippedClip
from mmlib.data.media.structure import missing_end
from mmlib.files import LFS_ADVICE, is_lfs_pointer

if TYPE_CHECKING:
    from av.container import InputContainer

MAX_PIXELS = 4096 * 2304  # of one picture: decoders hold up to some 17 at once, 1.5 bytes a pixel each
MAX_SAMPLES = 1 << 25  # of one sound at its own rate: 11 min 39 s at 48 kHz
CONTAINERS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,flv,mpeg,mpegvideo,mpegts,wav,w64,ogg,mp3,flac,asf,aac,aiff,au,h264,hevc,"
    "m4v,mjpeg,rm,dv,mxf,nut"
)


@contextlib.contextmanager
def opened(path: Path) -> Iterator[InputContainer]:
    """The container of `path`; whatever goes wrong with the file inside is a `SkippedClip`."""
    import av

    check_file(path)
    options = {"protocol_whitelist": "file", "format_whitelist": CONTAINERS, "max_streams": "64"}
    try:
        with av.open(str(path), options=options, metadata_errors="ignore") as container:
            yield container
    except SkippedClip:
        raise
    except MemoryError as error:
        raise SkippedClip(Reason.TOO_LARGE, f"{path.name} needs more memory than a decoder may have") from error
    except (OSError, ValueError, ArithmeticError, av.FFmpegError) as error:
        raise SkippedClip(Reason.UNDECODABLE, f"{path.name}: {in_words(error)}") from error


def check_file(path: Path) -> None:
    """Raise `SkippedClip` for a file that is missing, no regular file, empty, unreadable or cut off."""
    if not path.exists():
        raise SkippedClip(Reason.MISSING, f"{path.name} is not there")
    if not path.is_file():
        raise SkippedClip(Reason.UNDECODABLE, f"{path.name} is not a regular file")
    found = path.stat()
    if found.st_size == 0:
        raise SkippedClip(Reason.ZERO_LENGTH, f"{path.name} is empty")
    if is_lfs_pointer(path):
        raise SkippedClip(Reason.LFS_POINTER, f"{path.name} {LFS_ADVICE}")
    try:
        end = _missing_end(path, found.st_size, found.st_mtime_ns)
    except OSError as error:
        raise SkippedClip(Reason.UNDECODABLE, f"{path.name} cannot be read ({error.strerror})") from error
    if end:
        raise SkippedClip(Reason.TRUNCATED, f"{path.name}: {end}")


@functools.lru_cache(maxsize=8)
def _missing_end(path: Path, size: int, changed: int) -> str | None:
    """A clip's file is opened up to three times (packets, pictures, sound): its structure is walked once."""
    return missing_end(path)


def in_words(error: BaseException) -> str:
    """One line for what a library said, without paths of this machine."""
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(str(text).split())[:160]
