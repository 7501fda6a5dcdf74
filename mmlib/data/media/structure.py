"""Does a media file end before its own structure says it should? Headers are walked, nothing is decoded.

Decoders take a file that was cut off for a shorter one without a word, and durations in metadata are no witness (they
are often wrong in files that are whole). What a container says about the size of its parts is: boxes (MP4, MOV),
chunks (AVI, WAV), tags (FLV), packets (MPEG program streams), elements (Matroska, WebM). Other containers are left to
the decoder.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import BinaryIO

_SYSTEM_HEADER, _PACK, _PROGRAM_END = 0xBB, 0xBA, 0xB9
_BOXES = (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot")


def missing_end(path: Path) -> str | None:
    """What of the file's structure lies beyond its end, or None where it is whole (or of another kind)."""
    size = os.path.getsize(path)
    with open(path, "rb") as stream:
        head = stream.read(12)
        stream.seek(0)
        if head[4:8] in _BOXES:
            return _boxes(stream, size)
        if head[:4] == b"RIFF":
            return _riff(head, size)
        if head[:3] == b"FLV":
            return _flv(stream, size)
        if head[:4] == b"\0\0\1\xba":
            return _program_stream(stream, size)
        if head[:4] == b"\x1a\x45\xdf\xa3":
            return _elements(stream, size)
    return None


def _boxes(stream: BinaryIO, size: int) -> str | None:
    place, names = 0, set()
    while place + 8 <= size:
        stream.seek(place)
        length, name = struct.unpack(">I4s", stream.read(8))
        names.add(name)
        if length == 1:
            extended = stream.read(8)
            length = struct.unpack(">Q", extended)[0] if len(extended) == 8 else size + 1
        elif length == 0:  # up to the end of the file
            length = size - place
        if length < 8:
            return None  # not a box: the decoder will say what is wrong
        if place + length > size:
            return f"a part of {length:,} bytes begins {size - place:,} bytes before the end"
        place += length
    return "the table of its samples (moov) is not there" if b"mdat" in names and b"moov" not in names else None


def _riff(head: bytes, size: int) -> str | None:
    length = struct.unpack("<I", head[4:8])[0] if len(head) >= 8 else 0
    if length in (0, 0xFFFFFFFF):  # written to a pipe: the size was never filled in
        return None
    return f"it announces {length + 8:,} bytes and has {size:,}" if length + 8 > size else None


def _flv(stream: BinaryIO, size: int) -> str | None:
    head = stream.read(4096)
    entry = head.find(b"\x00\x08filesize\x00")  # most writers note the size of the whole file
    if 0 <= entry <= len(head) - 19:
        noted = struct.unpack(">d", head[entry + 11 : entry + 19])[0]
        if size < noted < 2**50:
            return f"it announces {int(noted):,} bytes and has {size:,}"
    stream.seek(5)
    offset = stream.read(4)
    place = struct.unpack(">I", offset)[0] + 4 if len(offset) == 4 else size
    while place + 11 <= size:
        stream.seek(place)
        tag = stream.read(4)
        if tag[0] & 0x1F not in (8, 9, 18):
            return None  # not a tag: the decoder will say what is wrong
        place += 11 + int.from_bytes(tag[1:4], "big") + 4
    # The last four bytes (the length of the last tag, once more) are optional in practice.
    return None if size in (place, place - 4) else "it ends inside a tag"


def _program_stream(stream: BinaryIO, size: int) -> str | None:
    place = 0
    while place + 6 <= size:
        stream.seek(place)
        head = stream.read(14)
        if head[:3] != b"\0\0\1":
            return None  # padding, or damage: not for us to say
        code = head[3]
        if code == _PROGRAM_END:
            return None
        if code == _PACK:
            length = 12 if len(head) > 4 and head[4] >> 4 == 0x2 else 14 + (head[13] & 7 if len(head) == 14 else 0)
        elif code >= _SYSTEM_HEADER:
            length = 6 + int.from_bytes(head[4:6], "big")
        else:
            return None
        place += length
    return "it ends inside a packet" if place != size else None


def _elements(stream: BinaryIO, size: int) -> str | None:
    """The header and the segment: their sizes are known unless the file was written to a pipe."""
    place = 0
    while place < size:
        stream.seek(place)
        head = stream.read(12)
        name = _width(head[0])
        if name > 4 or len(head) <= name:
            return None  # no element: the decoder will say what is wrong
        width = _width(head[name])
        if width > 8 or len(head) < name + width:
            return "it ends inside the head of a part"
        length = int.from_bytes(head[name : name + width], "big") & ((1 << 7 * width) - 1)
        if length == (1 << 7 * width) - 1:  # unknown: up to the end of the file
            return None
        place += name + width + length
    return f"its parts need {place:,} bytes and it has {size:,}" if place > size else None


def _width(first: int) -> int:
    """How many bytes a Matroska number takes, by its first byte (9 where it is none)."""
    return 9 - first.bit_length()
