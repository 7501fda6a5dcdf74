"""What can be fetched, and from where: the one list of files, mirrors, checksums, sizes, licences and landing places.

To add a mirror, add its address to a file's `urls`; they are tried in order. A checksum is that of the published file
(`sha256`) or, where archives of the same content differ, of what is in it: the unpacked file (`unpacked_sha256`), or
`members_digest` of an archive's members. None is given where none is known.
"""

from __future__ import annotations

from pathlib import Path

from mmlib.data.public.kinds import ManyFiles, Members, PublicFile, PublicSet

_RAW = "https://raw.githubusercontent.com"
_AVE = f"{_RAW}/YapengTian/AVE-ECCV18"
_CREMAD = "CheyneyComputerScience/CREMA-D"
_CREMAD_COMMIT = "1658cd342dff90010aa843eaeebd53610a08b1dc"
_OGM = f"{_RAW}/GeWu-Lab/OGM-GE_CVPR2022/65a8324464207f5efd41533cb362648c0cdee8a8/data/CREMAD"
_AVQA = f"{_RAW}/GeWu-Lab/MUSIC-AVQA/HEAD/data"


def _filenames(path: Path) -> list[str]:
    """The second column of CREMA-D's list of clips."""
    import csv

    with open(path, newline="", encoding="utf-8") as stream:
        return [row[1] for row in list(csv.reader(stream))[1:]]


def _ave(name: str, commit: str, megabytes: float, sha256: str, optional: bool = False) -> PublicFile:
    return PublicFile(f"ave/{name}", (f"{_AVE}/{commit}/data/{name}",), megabytes, sha256, optional=optional)


def _drive(name: str, number: str, megabytes: float, optional: bool = False) -> PublicFile:
    url = f"https://drive.usercontent.google.com/download?id={number}&export=download&confirm=t"
    return PublicFile(f"ave/{name}", (url,), megabytes, optional=optional)


# Every 40th of the 1000 clips in the order of their names: their content is known.
# fmt: off
GRID_SAMPLE = (
    "bbaf2n", "bbir8p", "bgbh6p", "bgwu8p", "briz6n", "bwbg8n", "lbad6n", "lbiq1s", "lgbf8n", "lgwt3a", "lrik4p",
    "lwaz3a", "lwwm3a", "pbib6n", "pgaq6n", "pgwe6n", "prbp8n", "pwad2n", "pwip6n", "sbba8n", "sbwo1s", "sgib8n",
    "sran8n", "srwb8n", "swbo8n",
)
# fmt: on

PUBLIC: dict[str, PublicSet] = {
    "fsdd": PublicSet(
        "Free Spoken Digit Dataset: 3000 spoken digits, 6 speakers, 8 kHz",
        "CC BY-SA 4.0",
        "https://github.com/Jakobovski/free-spoken-digit-dataset",
        "av_digits, with mnist",
        (
            PublicFile(
                "fsdd/fsdd.zip",
                (
                    "https://github.com/Jakobovski/free-spoken-digit-dataset/archive/refs/tags/v1.0.10.zip",
                    "https://github.com/Jakobovski/free-spoken-digit-dataset/archive/refs/heads/master.zip",
                ),
                16,
                members=Members(
                    r"[^/]+/recordings/(\d_[a-z]+_\d+\.wav)",
                    "fsdd/recordings",
                    3000,
                    "1801eae019c063377d98f831d3f93574f259475df7332bb0e3d1b080fb5e6959",
                ),
            ),
        ),
        ("mmlib data get mnist --data-root ROOT", "mmlib run table1 --profile av_digits --data-root ROOT"),
    ),
    "mnist": PublicSet(
        "MNIST, test file: 10,000 handwritten digits",
        "CC BY-SA 3.0 (LeCun, Cortes, Burges)",
        "http://yann.lecun.com/exdb/mnist/",
        "av_digits, with fsdd",
        tuple(
            PublicFile(
                f"mnist10k/{name}",
                tuple(
                    f"{place}/{name}"
                    for place in (
                        "https://ossci-datasets.s3.amazonaws.com/mnist",
                        "https://storage.googleapis.com/cvdf-datasets/mnist",
                        "http://yann.lecun.com/exdb/mnist",
                    )
                ),
                megabytes,
                unpacked_sha256=sha256,
            )
            for name, megabytes, sha256 in (
                (
                    "t10k-images-idx3-ubyte.gz",
                    1.65,
                    "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
                ),
                (
                    "t10k-labels-idx1-ubyte.gz",
                    0.01,
                    "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
                ),
            )
        ),
        ("mmlib data get fsdd --data-root ROOT", "mmlib run table1 --profile av_digits --data-root ROOT"),
    ),
    "grid": PublicSet(
        "GRID corpus, speaker 1: 1000 video clips with their sound, and word alignments (Cooke et al. 2006)",
        "CC BY 4.0",
        "https://zenodo.org/records/3625687",
        "grid_words, grid_digits, grid_words_incremental, grid_questions, rgb_flow",
        (
            PublicFile(
                "grid/s1_video.zip",
                (
                    "https://zenodo.org/records/3625687/files/s1.zip?download=1",
                    "https://spandh.dcs.shef.ac.uk/gridcorpus/s1/video/s1.mpg_vcd.zip",
                ),
                430,
                members=Members(
                    r"(?:.*/)?([a-z]{4}[0-9z][anps]\.mpg)",
                    "grid/video",
                    1000,
                    "855dee06f0d09bca00438fcbc2294a1778c0d534830d38621ea0ef52b3aa7c3f",
                    GRID_SAMPLE,
                ),
            ),
            PublicFile(
                "grid/s1_align.tar",
                (
                    "https://spandh.dcs.shef.ac.uk/gridcorpus/s1/align/s1.tar",
                    "https://zenodo.org/records/3625687/files/alignments.zip?download=1",
                ),
                1,
                members=Members(
                    r"(?:.*/)?(?:align|s1)/([a-z]{4}[0-9z][anps]\.align)",
                    "grid/align",
                    1000,
                    "c03347305796fc09a6442be9830629453c84f54a3e0c8734e0cea44e26208752",
                    GRID_SAMPLE,
                ),
            ),
            PublicFile(
                "grid/s1_audio_25kHz.tar",
                ("https://spandh.dcs.shef.ac.uk/gridcorpus/s1/audio/s1.tar",),
                150,
                members=Members(r"(?:.*/)?([a-z]{4}[0-9z][anps]\.wav)", "grid/audio", 1000),
                optional=True,  # the clips carry their sound
            ),
        ),
        (
            "mmlib data prepare grid --source ROOT --out ROOT",
            "mmlib run table1 --profile grid_words_video --data-root ROOT",
        ),
    ),
    "ave": PublicSet(
        "AVE: annotations, splits and published features of 4143 clips (Tian et al. 2018); no videos",
        "none stated for annotations and features; the videos are their uploaders'",
        "https://github.com/YapengTian/AVE-ECCV18",
        "ave (Table 2 on AVE)",
        (
            _ave(
                "Annotations.txt",
                "607f15965eb1141c2fd48bbe461f1703cc426c45",
                0.14,
                "0d24a9ec5cd4ceb779ebd83d74e83ec8e55c5e468cede3f320fb57346c9dd321",
            ),
            *(
                _ave(f"{name}_order.h5", "a331390ab3e834fbc2d5477ffc57d6d75dbd463b", 0.01, sha256)
                for name, sha256 in (
                    ("train", "a216fcdd02782ba9d10c9ea79116120eb3be467740e58290e1b340d42a590456"),
                    ("val", "5692aec0efb30e4efa49a867a902c1993b4c88a7d3ec19879349e540e7a5d9ca"),
                    ("test", "f9bb79defc1f784ca5dda9cdd3ee52af6d24ccb399a1cfab6bf0d373f5681076"),
                )
            ),
            _drive("audio_feature.h5", "1F6p4BAOY-i0fDXUOhG7xHuw_fnO5exBS", 42),
            _drive("visual_feature.h5", "1hQwbhutA3fQturduRnHMyfRqdrRHgmC9", 8310),
            _ave(
                "mil_labels.h5",
                "85d88e4ddce5eb9a7ae50e64d130ad4a7045e4bf",
                0.48,
                "63c1886c78289bcf7e748fa0fe5c18d568dac75a1f015ac41860a78f598c2bd5",
                optional=True,
            ),
            _ave(
                "labels_noisy.h5",
                "85d88e4ddce5eb9a7ae50e64d130ad4a7045e4bf",
                0.02,
                "1cc2b29e7104d4da26be06b6ff2260d9392cd1d93a096c77efd938843b4ebde1",
                optional=True,
            ),
            _ave(
                "audio_feature_noisy.h5",
                "85d88e4ddce5eb9a7ae50e64d130ad4a7045e4bf",
                1.82,
                "d29b6efa4c985746a1d5205423c6f01bf02cf475af40c2620e4df9260d84c5f4",
                optional=True,
            ),
            _drive("visual_feature_noisy.h5", "1I3OtOHJ8G1-v5G2dHIGCfevHQPn-QyLh", 357, optional=True),
        ),
        ("mmlib data check ave --data-root ROOT", "mmlib run table2 --profile ave --data-root ROOT"),
    ),
    "cremad": PublicSet(
        "CREMA-D: 7442 acted clips of six emotions, as video and sound, and the split lists of OGM-GE",
        "ODbL 1.0 (data base), DbCL 1.0 (contents); none stated for the split lists",
        f"https://github.com/{_CREMAD}",
        "cremad (Table 1 and others on CREMA-D)",
        (
            PublicFile(
                "CREMA-D/SentenceFilenames.csv",
                (f"{_RAW}/{_CREMAD}/{_CREMAD_COMMIT}/SentenceFilenames.csv",),
                0.17,
                "d88cb50e84bbc30b2e159cdfc25e1cf87777ad97c7c41d6ab8f75d3383b8f740",
            ),
            PublicFile(
                "CREMA-D/train.csv",
                (f"{_OGM}/train.csv", f"{_RAW}/GeWu-Lab/OGM-GE_CVPR2022/HEAD/data/CREMAD/train.csv"),
                0.14,
                "68d0d3fd253830328fc92c68f3cf2e215db8c5b86757ad9c5112d2c76ba68bde",
            ),
            PublicFile(
                "CREMA-D/test.csv",
                (f"{_OGM}/test.csv", f"{_RAW}/GeWu-Lab/OGM-GE_CVPR2022/HEAD/data/CREMAD/test.csv"),
                0.02,
                "14866c99301fd56fb4a16f8a7048a8a6372a47069aee9f216443bc718be45f1f",
            ),
        ),
        (
            "mmlib data prepare cremad --source ROOT/CREMA-D --out ROOT",
            "mmlib run table1 --profile cremad --data-root ROOT",
        ),
        ManyFiles(
            "CREMA-D/SentenceFilenames.csv",
            _filenames,
            tuple(
                (
                    f"CREMA-D/{folder}",
                    ending,
                    f"https://media.githubusercontent.com/media/{_CREMAD}/master/{folder}",
                    f"{_RAW}/{_CREMAD}/master/{folder}",
                )
                for folder, ending in (("AudioWAV", ".wav"), ("VideoFlash", ".flv"))
            ),
            "0.6 GB of sound and the videos, whose size is not stated",
        ),
    ),
    "mm_debiased": PublicSet(
        "MM-Debiased: the list of its clips (Wei et al. 2024); the videos are VGGSound's and Kinetics-400's",
        "none stated",
        "https://github.com/GeWu-Lab/Valuate-and-Enhance-Multimodal-Cooperation",
        "mm_debiased (its list; `mmlib data audit`)",
        (
            PublicFile(
                "mm_debiased/MM-Debiased.json",
                tuple(
                    f"{_RAW}/GeWu-Lab/Valuate-and-Enhance-Multimodal-Cooperation/{commit}"
                    "/MM-Debiased%20dataset/MM-Debiased.json"
                    for commit in ("2a6a446fd962c1c929736b480a3af3f0d2a5f5d4", "HEAD")
                ),
                0.96,
                "777505621fedf61f7a48414b1824de98e20d63f50d21433c102ff347eb545b9b",
            ),
        ),
        ("mmlib data audit mm_debiased --data-root ROOT",),
    ),
    "music_avqa": PublicSet(
        "MUSIC-AVQA: questions and answers on 9288 videos, as published and corrected (Li et al. 2022)",
        "none stated for the questions (GPL 3.0 for the code beside them)",
        "https://github.com/GeWu-Lab/MUSIC-AVQA",
        "music_avqa, music_avqa_updated (their questions; features come from the page, by hand)",
        tuple(
            PublicFile(f"music_avqa/{release}/avqa-{split}.json", (f"{_AVQA}/{release}/avqa-{split}.json",), megabytes)
            for release in ("json", "json_update")
            for split, megabytes in (("train", 9), ("val", 1.3), ("test", 2.6))
        ),
        (),
    ),
}

# Data sets of the catalogue that are made of public sets of another name.
MADE_OF: dict[str, tuple[str, ...]] = {
    "av_digits": ("fsdd", "mnist"),
    "grid_words": ("grid",),
    "grid_digits": ("grid",),
    "grid_words_incremental": ("grid",),
    "grid_questions": ("grid",),
    "rgb_flow": ("grid",),
    "music_avqa_updated": ("music_avqa",),
}

# The data sets of the catalogue that lack nothing once they are fetched (others lack media or features).
WHOLE = frozenset({*MADE_OF, "ave", "cremad"} - {"music_avqa_updated"})
