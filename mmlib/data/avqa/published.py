"""A release of MUSIC-AVQA: how its questions are counted, and what `mmlib.data.registry` asks of a data set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmlib.data.avqa import files

# What training files hold, whose order is that of first appearance; the words are known as a set.
_ANSWERS = (
    "two, cello, congas, zero, no, pipa, six, yes, one, four, three, seven, five, ukulele, right, piano, left, "
    "accordion, clarinet, guzheng, more than ten, nine, indoor, saxophone, drum, violin, middle, outdoor, bagpipe, "
    "bassoon, acoustic_guitar, banjo, electric_bass, ten, eight, flute, simultaneously, trumpet, erhu, xylophone, "
    "tuba, suona"
)
_WORDS = (
    "<pad> Is the ukulele in video always playing guzheng louder than piano What is instrument on left of "
    "electric_bass How many sounding banjo types musical instruments sound xylophone first that comes there a "
    "voiceover this from are flute acoustic_guitar accordion drum tuba trumpet saxophone erhu pipa violin bassoon Are "
    "and bagpipe Which sounds at same time as second middle right entire cello more rhythmic clarinet Where "
    "performance suona loudest congas makes after last coming lowest third kind leftest before longer rightest it "
    "appeared did not beginning to end were heard throughout fifth fourth"
)
ANSWERS, WORDS = _ANSWERS.split(", "), _WORDS.split()


@dataclass(frozen=True)
class PublishedSet:
    """`release` is the folder of its questions. Counts of questions by split, of videos by split, of questions by split
    and type: those that are known.
    """

    dataset: str
    release: str
    questions: Mapping[str, int]
    videos: Mapping[str, int]
    types: Mapping[str, Mapping[str, int]]
    layout: int = 1  # raise when the same options would write other content

    def place(self, root: Path) -> Path:
        """The folder of its files under a data root."""
        return files.find_folder(root, self.release)

    def missing(self, root: Path) -> str | None:
        """The first file or folder that is not there and what it is; None when all are there."""
        return files.missing(self.place(root), self.release)

    def inputs(self, root: Path) -> dict[str, Path]:
        """Every file or folder the conversion reads, by what it is."""
        return files.inputs(self.place(root), self.release)

    def prepare_folder(self, folder: Path, root: Path, options: dict[str, Any], inputs_hash: str) -> Path:
        """Convert the published files; a folder of generated ones is marked as a stand-in. Raises `DataError`."""
        from mmlib.data.avqa.conversion import convert

        source = {"layout": self.layout, "inputs_sha256": inputs_hash, **options}
        return convert(folder, self.place(root), self, options, source)

    def report(self, root: Path) -> list[str]:
        """What the files under a data root hold, one sentence each. Raises `DataError` (malformed)."""
        from mmlib.data.avqa import check

        return check.report(self, self.place(root))

    def notes(self, prepared: Any) -> list[str]:
        """Counts of a prepared folder beside the published ones, one sentence each. Raises `DataError`."""
        from mmlib.data.avqa import check

        return check.notes(self, prepared)
