"""Data sets that a program must not fetch, or cannot: their pages, and what a person does."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ByHand:
    """Why it is not fetched, its page, and the steps; `ROOT` stands for the data root."""

    why: str
    page: str
    steps: tuple[str, ...]


_UPLOADERS = "the videos belong to their uploaders, and the site that shows them forbids automatic downloads"
_AV_CIL = "features are published on shared drives without a licence"
_AV_CIL_STEPS = (
    "Take the lists from the page and make the features with its scripts (or get them from its authors).",
    "Lay them in the folder that `mmlib data check NAME` names.",
)

BY_HAND: dict[str, ByHand] = {
    "vggsound": ByHand(
        _UPLOADERS,
        "https://www.robots.ox.ac.uk/~vgg/data/vggsound/",
        (
            "Get vggsound.csv there (CC BY 4.0) and ask its authors for the videos, or get those you may use.",
            "Name each clip as `mmlib data corpus vggsound FOLDER` does in its example.",
            "mmlib data prepare vggsound --source FOLDER --out ROOT",
        ),
    ),
    "kinetics_sounds": ByHand(
        _UPLOADERS,
        "https://github.com/cvdfoundation/kinetics-dataset",
        (
            "Read the terms of Kinetics-400 on the page and get its training and validation clips.",
            "Get the lists my_train.txt and my_test.txt from data/KineticSound of GeWu-Lab/OGM-GE_CVPR2022.",
            "mmlib data prepare kinetics_sounds --source FOLDER --out ROOT",
        ),
    ),
    "voxceleb1": ByHand(
        "the recordings are given to those who ask for them, under the terms on the page",
        "https://www.robots.ox.ac.uk/~vgg/data/voxceleb/vox1.html",
        (
            "Ask for access on the page, or get the features that msaadsaeed/FOP links.",
            "Get the lists of Cocoxili/CMPC (identity_splits.txt, voice_set_labels.txt, veriflist_test_*.txt).",
            "Lay both in ROOT/voxceleb1/, features in its subfolder features/.",
            "mmlib data check voxceleb1 --data-root ROOT",
        ),
    ),
    "ucf101": ByHand(
        "no licence is stated",
        "https://www.crcv.ucf.edu/data/UCF101.php",
        (
            "Get UCF101.rar and the split lists there and unpack both into one folder.",
            "mmlib data prepare ucf101 --source FOLDER --out ROOT",
        ),
    ),
    "urbansound8k_av": ByHand(
        "UrbanSound8K asks for a form to be filled in",
        "https://urbansounddataset.weebly.com/urbansound8k.html",
        (
            "Get the sounds there, and the images from Guo-Lingyue/SMMT.",
            "mmlib data prepare urbansound8k_av --source FOLDER --out ROOT",
        ),
    ),
    "ave_videos": ByHand(
        _UPLOADERS,
        "https://github.com/YapengTian/AVE-ECCV18",
        ("No cell needs the videos: `mmlib data get ave` fetches the published features.",),
    ),
    **{name: ByHand(_AV_CIL, "https://github.com/weiguoPian/AV-CIL_ICCV2023", _AV_CIL_STEPS) for name in (
        "av_cil_ave", "av_cil_kinetics_sounds", "av_cil_vggsound100"
    )},
    **{name: ByHand(
        "CMU-MOSI and CMU-MOSEI are for academic research",
        "http://multicomp.cs.cmu.edu/resources/",
        ("Get the files that `mmlib data list` names for it and lay them in ROOT/mosi/ (or ROOT/mosei/).",),
    ) for name in ("mosi", "mosei", "mosi_utterances", "mosi_windows")},
}  # fmt: skip
