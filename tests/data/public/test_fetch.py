"""Fetching one file from a server that breaks off, lies, or has it not."""

import gzip
import hashlib
import shutil
from pathlib import Path

import numpy as np
import pytest

from mmlib.data.public.fetch import Unsuitable, fetch, mirrored, unpacked_is
from mmlib.errors import OutputsError

CONTENT = np.random.default_rng(0).bytes(500_000)
SHA = hashlib.sha256(CONTENT).hexdigest()


def left_over(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_goes_on_where_the_connection_broke_off(net, tmp_path):
    net.files["/a/file"] = CONTENT
    net.cut["/a/file"] = [200_000, 150_000]
    fetch(tmp_path / "file", [f"{net.url}/a/file"], sha256=SHA)
    assert (tmp_path / "file").read_bytes() == CONTENT
    first, *others = net.ranges_of("/a/file")
    assert first == ""
    starts = [int(wanted.removeprefix("bytes=")[:-1]) for wanted in others]
    assert 0 < starts[0] <= 200_000
    assert starts[0] < starts[1] <= 350_000
    assert left_over(tmp_path) == ["file"]


def test_a_later_command_goes_on_too(net, tmp_path):
    net.files["/a/file"] = CONTENT
    net.cut["/a/file"] = [200_000] + [0] * 5  # then the network is gone
    with pytest.raises(LookupError) as failed:
        fetch(tmp_path / "file", [f"{net.url}/a/file"])
    assert "broke off" in failed.value.args[0]
    assert not (tmp_path / "file").exists()
    net.cut.clear()
    before = len(net.asked)
    fetch(tmp_path / "file", [f"{net.url}/a/file"])
    assert (tmp_path / "file").read_bytes() == CONTENT
    (wanted,) = (wanted for _, wanted in net.asked[before:])
    assert int(wanted.removeprefix("bytes=")[:-1]) > 100_000


def test_a_part_of_another_release_is_not_continued(net, tmp_path):
    net.files["/a/file"] = CONTENT
    net.cut["/a/file"] = [200_000] + [0] * 5
    with pytest.raises(LookupError):
        fetch(tmp_path / "file", [f"{net.url}/a/file"])
    net.cut.clear()
    net.files["/a/file"] = CONTENT[::-1]
    fetch(tmp_path / "file", [f"{net.url}/a/file"])
    assert (tmp_path / "file").read_bytes() == CONTENT[::-1]


def test_a_server_that_cannot_give_parts_gives_the_whole(net, tmp_path):
    net.files["/a/file"] = CONTENT
    net.cut["/a/file"] = [200_000]
    net.ranges = False
    fetch(tmp_path / "file", [f"{net.url}/a/file"], sha256=SHA)
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_a_wrong_checksum_is_passed_over_for_the_next_mirror(net, tmp_path):
    net.files |= {"/bad/file": b"something else", "/good/file": CONTENT}
    wrong = fetch(tmp_path / "file", [f"{net.url}/bad/file", f"{net.url}/good/file"], sha256=SHA)
    assert wrong == [f"{net.url}/bad/file: its checksum is not that of the published file"]
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_nothing_is_left_of_a_file_with_a_wrong_checksum(net, tmp_path):
    net.files["/bad/file"] = b"something else"
    with pytest.raises(LookupError):
        fetch(tmp_path / "file", [f"{net.url}/bad/file"], sha256=SHA)
    assert left_over(tmp_path) == []


def test_every_address_says_what_is_wrong_with_it(net, tmp_path):
    net.files["/page/file"] = b"<html>log in</html>"
    net.html.add("/page/file")
    addresses = [f"{net.url}/none/file", "http://127.0.0.1:9/file", f"{net.url}/page/file"]
    with pytest.raises(LookupError) as failed:
        fetch(tmp_path / "file", addresses)
    assert failed.value.args[0] == f"{addresses[0]}: 404 Not Found"
    assert failed.value.args[1] == f"{addresses[1]}: no connection (is there a network?)"
    assert "a page, not with the file" in failed.value.args[2]
    assert left_over(tmp_path) == []


def test_a_full_disk_is_said_before_it_is_filled(net, tmp_path, monkeypatch):
    net.files["/a/file"] = CONTENT
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=100_000))
    with pytest.raises(OutputsError, match=r"cannot write .*file: .*MB are needed.*Free space"):
        fetch(tmp_path / "file", [f"{net.url}/a/file"])


def test_a_folder_that_cannot_be_made(net, tmp_path):
    net.files["/a/file"] = CONTENT
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(OutputsError, match="cannot write"):
        fetch(tmp_path / "taken" / "file", [f"{net.url}/a/file"])


def test_gzip_files_are_known_by_what_is_in_them(net, tmp_path):
    published = gzip.compress(CONTENT, 1, mtime=1)
    net.files |= {"/a/file.gz": published, "/b/file.gz": gzip.compress(CONTENT[:-1])}
    fetch(tmp_path / "file.gz", [f"{net.url}/b/file.gz", f"{net.url}/a/file.gz"], check=unpacked_is(SHA))
    assert (tmp_path / "file.gz").read_bytes() == published
    (tmp_path / "other.gz").write_bytes(published[:-9])
    with pytest.raises(Unsuitable, match="sound gzip"):
        unpacked_is(SHA)(tmp_path / "other.gz")


def test_a_mirror_is_asked_first_by_host_and_path():
    urls = ["https://one.org/a/b.zip?x=1", "http://two.org/c"]
    assert mirrored(urls, "") == urls
    assert mirrored(urls, "http://near:80/") == [
        "http://near:80/one.org/a/b.zip%3Fx%3D1",
        "http://near:80/two.org/c",
        *urls,
    ]
