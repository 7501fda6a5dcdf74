"""Files with names that are no text, and files that Git LFS has not fetched: skipped, counted, named."""

from __future__ import annotations

import json
import os

import pytest

from mmlib.data.folder import media_source
from mmlib.data.media.opening import check_file
from mmlib.data.media.pictures import read_image
from mmlib.data.media.prepare import listing_hash
from mmlib.data.media.presets import find_media_preset
from mmlib.data.media.reasons import Reason, SkippedClip
from mmlib.data.media.source import with_readable_names
from mmlib.errors import DataError

OPTIONS = {"preset": "ogm_head", "group": "", "seed": 0}
POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n"


def folder_of(place, *names: bytes):
    for name in names:
        path = os.path.join(os.fsencode(place), name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as stream:
            stream.write(b"video")
    return place


def test_a_name_that_is_no_text_is_skipped_and_counted(tmp_path):
    try:
        place = folder_of(
            tmp_path, *(b"%s/%d.mp4" % (c, n) for c in (b"yes", b"no") for n in range(4)), b"yes/\xff.mp4"
        )
    except OSError:
        pytest.skip("this file system takes UTF-8 alone")
    source = media_source(place, OPTIONS)
    found = with_readable_names(source)
    skipped = [clip for clip in found.clips if clip.problem]
    assert [(clip.id, clip.problem) for clip in skipped] == [("yes/\\udcff", Reason.WRONG_ID_FORM)]
    assert "is not UTF-8" in skipped[0].detail
    assert [clip.id for clip in found.clips if not clip.problem] == [c.id for c in source.clips if "\udcff" not in c.id]
    listing_hash(found, find_media_preset(found.preset).request)
    json.dumps([clip.detail for clip in found.clips], ensure_ascii=False).encode()


def test_names_that_are_text_are_left_alone(tmp_path):
    place = folder_of(tmp_path, "ä/ζ.mp4".encode(), b"b/1.mp4")
    source = media_source(place, OPTIONS)
    assert with_readable_names(source) is source


def test_a_class_whose_name_is_no_text_is_named(tmp_path):
    try:
        place = folder_of(tmp_path, b"\xff/1.mp4", b"b/1.mp4")
    except OSError:
        pytest.skip("this file system takes UTF-8 alone")
    with pytest.raises(DataError, match=r"class \\udcff is not UTF-8. Rename"):
        with_readable_names(media_source(place, OPTIONS))


@pytest.mark.parametrize("read", [check_file, read_image])
def test_a_pointer_of_git_lfs_is_named(tmp_path, read):
    path = tmp_path / "a.jpg"
    path.write_text(POINTER)
    with pytest.raises(SkippedClip, match="git lfs pull") as caught:
        read(path)
    assert caught.value.reason is Reason.LFS_POINTER
    assert "git lfs pull" in Reason.LFS_POINTER.explain
