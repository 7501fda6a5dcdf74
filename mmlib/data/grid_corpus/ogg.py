"""Ogg Vorbis files whose bytes follow from their sound alone: the encoder numbers its streams at random."""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np

SERIAL = bytes(4)
_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def write_sound(path: Path, sound: np.ndarray, rate: int) -> None:
    """Write mono sound `(samples,)` float32 in [-1, 1] as Ogg Vorbis. Raises `OSError`."""
    import soundfile

    soundfile.write(path, sound, rate, format="OGG", subtype="VORBIS")
    path.write_bytes(with_serial(path.read_bytes(), SERIAL))


def with_serial(content: bytes, serial: bytes) -> bytes:
    """The same Ogg stream under another serial number (4 bytes), the check sums of its pages renewed.

    Source: RFC 3533, section 6: a page has a header of 27 bytes (serial at 14, check sum at 22, number of segments at
    26), a table of segment lengths, and the segments.
    """
    pages, at = [], 0
    while at < len(content):
        lengths = content[at + 27 : at + 27 + content[at + 26]]
        end = at + 27 + len(lengths) + sum(lengths)
        page = bytearray(content[at:end])
        page[14:18] = serial
        page[22:26] = bytes(4)
        page[22:26] = checksum(bytes(page)).to_bytes(4, "little")
        pages.append(bytes(page))
        at = end
    return b"".join(pages)


def checksum(page: bytes) -> int:
    """Ogg's CRC-32: zlib's polynomial with bits in their own order, and no inversion before or after."""
    mirrored = zlib.crc32(page.translate(_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{mirrored:032b}"[::-1], 2)
