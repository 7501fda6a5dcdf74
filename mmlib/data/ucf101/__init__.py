"""UCF-101 (101 actions) with two streams: pictures, and optical flow.

Paper says (sample-level valuation, CVPR 2024): RGB and flow are two modalities; its code holds the network alone.
Published code does (BalanceBenchmark's loader): pictures in three segments of two, one of each (any in training, the
second at test time), 224 x 224 without a crop, mirrored with p = .5; u and v as JPEG files stacked to two channels in
[0, 1]. Pictures, u and v are mirrored independently of each other, and a mirrored u keeps its sign.
We do: the same, with one flip for a whole sample, which also negates u, as a motion to the left becomes one to the
right. Six pictures and six flows at the centres of equal parts of a clip are stored (`files`). Flow files are read
where they are; otherwise flow is computed from neighbouring frames (`flow`).

SOURCE holds the published split lists (`classInd.txt`, `trainlist01.txt`, `testlist01.txt`; also in `ucfTrainTestlist`)
and one of

    jpegs_256/CLIP/frame000001.jpg, tvl1_flow/u/CLIP/frame000001.jpg, tvl1_flow/v/CLIP/...
    [rawframes/][CLASS/]CLIP/img_00001.jpg, flow_x_00001.jpg (or x_00001.jpg), flow_y_00001.jpg
    [CLASS/]CLIP.avi
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmlib.data.prepared import Prepared
from mmlib.data.published import missing_published
from mmlib.data.ucf101.lists import ROWS, find_lists
from mmlib.data.ucf101.preparation import prepare_raw

__all__ = ["LAYOUT_OF_FOLDER", "missing", "notes", "prepare_raw", "raw_inputs"]

LAYOUT_OF_FOLDER = {"frames": (("uint8",), (6, None, None, 3)), "flow": (("uint8",), (6, 2, None, None))}


def missing(root: Path) -> str | None:
    """Why `root` holds no prepared UCF-101, or None."""
    return missing_published("ucf101", root, LAYOUT_OF_FOLDER, None)


def notes(prepared: Prepared) -> list[str]:
    """Clips beside those of the published lists, and where flow comes from."""
    source = prepared.manifest["source"]
    train, test = ROWS[source["split_list"]]
    here = prepared.manifest["splits"]
    computed = source["flow_computed"]
    lines = [f"ucf101: {here['train']:,} train clips of {train:,} published, {here['test']:,} test clips of {test:,}."]
    if computed:
        lines.append(f"ucf101: the flow of {computed:,} clips was computed here ({source['flow_by']}).")
    return lines


def raw_inputs(source: Path, options: Mapping[str, Any]) -> dict[str, Path]:
    """The split lists; pictures are not read to know whether they changed. Raises `DataError`, `ParameterError`."""
    return find_lists(source, options["split"])
