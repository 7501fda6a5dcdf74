"""`mmlib data get`: what is said, what is fetched, what is laid where, and what a person must do."""

import dataclasses
import gzip
import hashlib
import inspect
import io
import re
import tarfile
import zipfile
from urllib.parse import urlsplit

import pytest
import typer

from mmlib.commands import data as commands
from mmlib.data.catalogue import DATASETS
from mmlib.data.public.by_hand import BY_HAND
from mmlib.data.public.fetch import Unsuitable
from mmlib.data.public.get import get
from mmlib.data.public.kinds import Members
from mmlib.data.public.sources import MADE_OF, PUBLIC
from mmlib.data.public.unpack import members_digest, unpack, unpacked
from mmlib.errors import DataError, ParameterError, UsageError


def test_the_list_of_public_files_is_sound():
    for name, what in PUBLIC.items():
        assert what.licence, name
        assert what.page.startswith("http"), name
        for file in what.files:
            assert file.urls, file.path
            assert all(re.match(r"https?://[^/]+\.[a-z]+/", url) for url in file.urls), file.path
            for checksum in filter(None, (file.sha256, file.unpacked_sha256, file.members and file.members.digest)):
                assert re.fullmatch("[0-9a-f]{64}", checksum)
            assert not (file.sha256 and file.members), "an archive is deleted when it is unpacked"
    assert {one for parts in MADE_OF.values() for one in parts} <= set(PUBLIC)


def test_every_data_set_can_be_fetched_or_says_why_not():
    for name, info in DATASETS.items():
        known = name in PUBLIC or name in MADE_OF or name in BY_HAND
        assert known or not info.needs_root or info.licence == "yours", name


def test_the_runs_that_are_advised_exist():
    from mmlib.workbook.plan import load_plan, plan_paths

    steps = [step for what in PUBLIC.values() for step in what.then if step.startswith("mmlib run ")]
    assert len(steps) >= 5
    for step in steps:
        _, _, plan, _, profile, *_ = step.split()
        assert profile in load_plan(plan_paths()[plan]).profiles, step


@pytest.fixture
def one_file(net, monkeypatch):
    """MM-Debiased with a list of our own behind its first published address, as a mirror has it."""
    content = b'{"a": 1}'
    what = PUBLIC["mm_debiased"]
    file = dataclasses.replace(what.files[0], sha256=hashlib.sha256(content).hexdigest(), urls=what.files[0].urls[:1])
    monkeypatch.setitem(PUBLIC, "mm_debiased", dataclasses.replace(what, files=(file,)))
    parts = urlsplit(file.urls[0])
    return content, f"/{parts.netloc}{parts.path}", file


def test_the_licence_is_said_before_anything_is_fetched(net, one_file, tmp_path):
    content, path, file = one_file
    net.files[path] = content
    said = []
    assert get("mm_debiased", tmp_path, mirror=net.url, say=lambda line: said.append((line, len(net.asked))))
    licence = next(number for number, (line, _) in enumerate(said) if line.startswith("  licence: none stated"))
    assert said[licence][1] == 0
    assert (tmp_path / file.path).read_bytes() == content
    text = "\n".join(line for line, _ in said)
    assert f"{tmp_path / file.path}: checksum as published" in text
    assert f"then: mmlib data audit mm_debiased --data-root {tmp_path}" in text


def test_what_is_there_is_not_fetched_again_and_what_is_damaged_is(net, one_file, tmp_path):
    content, path, file = one_file
    net.files[path] = content
    get("mm_debiased", tmp_path, mirror=net.url, say=lambda _: None)
    asked = len(net.asked)
    said = []
    get("mm_debiased", tmp_path, mirror=net.url, say=said.append)
    assert len(net.asked) == asked
    assert any("there already" in line for line in said)
    (tmp_path / file.path).write_bytes(content + b" ")
    get("mm_debiased", tmp_path, mirror=net.url, say=lambda _: None)
    assert (tmp_path / file.path).read_bytes() == content


def test_a_failure_is_one_message_with_the_steps_by_hand(net, monkeypatch, tmp_path):
    what = PUBLIC["mm_debiased"]
    file = dataclasses.replace(what.files[0], urls=(f"{net.url}/gone", "http://127.0.0.1:9/off"))
    monkeypatch.setitem(PUBLIC, "mm_debiased", dataclasses.replace(what, files=(file,)))
    with pytest.raises(DataError) as failed:
        get("mm_debiased", tmp_path, say=lambda _: None)
    text = str(failed.value)
    assert "mm_debiased: MM-Debiased.json could not be fetched." in text
    assert f"{net.url}/gone: 404 Not Found" in text
    assert "127.0.0.1:9/off: no connection" in text
    assert f"open {what.page}, save the file as {tmp_path / file.path}" in text
    assert failed.value.exit_code == 3


def test_a_checksum_that_is_not_known_is_not_invented(net, tmp_path):
    for file in PUBLIC["music_avqa"].files:
        parts = urlsplit(file.urls[0])
        net.files[f"/{parts.netloc}{parts.path}"] = file.path.encode()
    said = []
    get("music_avqa_updated", tmp_path, mirror=net.url, say=said.append)
    path = tmp_path / "music_avqa" / "json_update" / "avqa-val.json"
    own = hashlib.sha256(b"music_avqa/json_update/avqa-val.json").hexdigest()
    assert path.read_bytes() == b"music_avqa/json_update/avqa-val.json"
    assert f"  {path}: checksum not known; its own is sha256 {own}" in said


def zipped(files: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return stream.getvalue()


def tarred(files: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return stream.getvalue()


FILES = {"set-1.0/in/a.wav": b"1", "set-1.0/in/b.wav": b"2"}
WANTED = Members(r"[^/]+/in/([a-z]\.wav)", "x", 2)


@pytest.mark.parametrize("packed", [zipped, tarred])
def test_members_are_laid_by_name_and_nothing_else_is(tmp_path, packed):
    archive = tmp_path / "archive"
    archive.write_bytes(
        packed(FILES | {"set-1.0/README": b"no", "../in/c.wav/../../d.wav": b"out", "/in/e.wav": b"out"})
    )
    note = unpack(archive, WANTED, tmp_path / "x")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["archive", "x"]
    assert {path.name: path.read_bytes() for path in (tmp_path / "x").iterdir()} == {"a.wav": b"1", "b.wav": b"2"}
    assert note == "their checksums are not known"
    assert unpacked(WANTED, tmp_path / "x")


def test_members_that_lack_or_differ_are_refused(tmp_path):
    archive = tmp_path / "archive"
    archive.write_bytes(zipped(FILES))
    unpack(archive, WANTED, tmp_path / "x")
    digest = members_digest((tmp_path / "x").iterdir())
    known = dataclasses.replace(WANTED, digest=digest)
    assert unpack(archive, known, tmp_path / "y") == "checksums as published"
    assert unpacked(known, tmp_path / "y")
    (tmp_path / "y" / "a.wav").write_bytes(b"3")
    assert not unpacked(known, tmp_path / "y")
    archive.write_bytes(zipped(FILES | {"set-1.0/in/a.wav": b"3"}))
    with pytest.raises(Unsuitable, match="not those of the published"):
        unpack(archive, known, tmp_path / "z")
    some = dataclasses.replace(known, sample=("a",))
    assert "DIFFER" in unpack(archive, some, tmp_path / "z")
    with pytest.raises(Unsuitable, match="2 of 3 files"):
        unpack(archive, dataclasses.replace(WANTED, count=3), tmp_path / "w")
    assert not (tmp_path / "w").exists()
    archive.write_bytes(zipped(FILES)[:-30])
    with pytest.raises(Unsuitable, match="no sound archive"):
        unpack(archive, WANTED, tmp_path / "w")


def test_an_archive_that_is_not_sound_is_passed_over(net, tmp_path, monkeypatch):
    net.files |= {"/bad.zip": zipped(FILES)[:-30], "/good.tar": tarred(FILES)}
    what = PUBLIC["fsdd"]
    file = dataclasses.replace(what.files[0], members=WANTED, urls=(f"{net.url}/bad.zip", f"{net.url}/good.tar"))
    monkeypatch.setitem(PUBLIC, "fsdd", dataclasses.replace(what, files=(file,)))
    said = []
    get("fsdd", tmp_path, say=said.append)
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == ["a.wav", "b.wav"]
    assert any(line.startswith(f"  passed over {net.url}/bad.zip") for line in said)


def test_an_archive_saved_by_hand_is_unpacked(net, tmp_path, monkeypatch):
    what = PUBLIC["fsdd"]
    file = dataclasses.replace(what.files[0], members=WANTED, urls=(f"{net.url}/gone",))
    monkeypatch.setitem(PUBLIC, "fsdd", dataclasses.replace(what, files=(file,)))
    (tmp_path / "fsdd").mkdir()
    (tmp_path / file.path).write_bytes(zipped(FILES))
    get("fsdd", tmp_path, say=lambda _: None)
    assert (tmp_path / "x" / "a.wav").read_bytes() == b"1"
    assert net.asked == []


LISTED = ("1001_DFA_ANG_XX", "1002_DFA_SAD_XX", "1003_IEO_HAP_HI")


@pytest.fixture
def crema_d(net, monkeypatch):
    """A CREMA-D of three clips, at its published addresses, with Git LFS pointers that hold the checksums."""
    what = PUBLIC["cremad"]
    files = tuple(dataclasses.replace(file, sha256="") for file in what.files)
    monkeypatch.setitem(PUBLIC, "cremad", dataclasses.replace(what, files=files))
    rows = "".join(f'{number},"{name}"\n' for number, name in enumerate(LISTED, 1))
    for file in files:
        parts = urlsplit(file.urls[0])
        net.files[f"/{parts.netloc}{parts.path}"] = f'"Stimulus_Number","Filename"\n{rows}'.encode()
    for _, ending, place, pointers in what.many.kinds:
        for name in LISTED:
            content = f"{name}{ending}".encode()
            net.files[place.replace("https:/", "") + f"/{name}{ending}"] = content
            pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{hashlib.sha256(content).hexdigest()}\n"
            net.files[pointers.replace("https:/", "") + f"/{name}{ending}"] = pointer.encode()
    return net


def test_listed_files_are_fetched_and_checked_by_their_pointers(crema_d, tmp_path):
    said = []
    get("cremad", tmp_path, mirror=crema_d.url, say=said.append)
    assert (tmp_path / "CREMA-D" / "VideoFlash" / "1003_IEO_HAP_HI.flv").read_bytes() == b"1003_IEO_HAP_HI.flv"
    assert len(list((tmp_path / "CREMA-D" / "AudioWAV").iterdir())) == 3
    assert "  6 files fetched, checksums as published" in said
    said.clear()
    get("cremad", tmp_path, mirror=crema_d.url, say=said.append)
    assert "  6 of 6 files are there already" in said


def test_listed_files_that_are_not_what_their_pointers_say(crema_d, tmp_path, monkeypatch):
    monkeypatch.setattr("mmlib.data.public.get.mirrored", lambda urls, _: [f"{crema_d.url}/{u[8:]}" for u in urls])
    path = next(
        path
        for path in crema_d.files
        if path.endswith("media/CheyneyComputerScience/CREMA-D/master/AudioWAV/1002_DFA_SAD_XX.wav")
    )
    crema_d.files[path] += b"!"
    with pytest.raises(DataError, match=r"1 files or more.*\n.*1002_DFA_SAD_XX.wav: its checksum is not"):
        get("cremad", tmp_path, say=lambda _: None)
    assert not (tmp_path / "CREMA-D" / "AudioWAV" / "1002_DFA_SAD_XX.wav").exists()


def call(function, *arguments, **options):
    defaults = {n: p.default for n, p in inspect.signature(function).parameters.items() if p.default is not p.empty}
    return function(*arguments, **(defaults | options))


@pytest.mark.parametrize("name", ["vggsound", "voxceleb1", "kinetics_sounds", "ave_videos", "mosi"])
def test_what_must_not_be_fetched_is_told_in_steps_and_blocks(name, tmp_path, capsys):
    with pytest.raises(typer.Exit) as ended:
        call(commands.get, name, data_root=tmp_path)
    assert ended.value.exit_code == 3
    said = capsys.readouterr().out
    assert said.startswith(f"{name} is not fetched: ")
    assert re.search(r"Its page: https?://", said)
    assert "  1. " in said
    assert "ROOT" not in said


def test_generated_sets_and_unknown_names(tmp_path, capsys):
    with pytest.raises(typer.Exit):
        call(commands.get, "synthetic", data_root=tmp_path)
    assert "generated by" in capsys.readouterr().out
    with pytest.raises(ParameterError, match="Choose one of: .*fsdd.*mnist"):
        get("nothing", tmp_path)


def test_an_image_file_that_is_not_the_published_one_is_fetched_again(net, tmp_path, monkeypatch):
    what = PUBLIC["mnist"]
    content = gzip.compress(b"images")
    file = dataclasses.replace(
        what.files[0], unpacked_sha256=hashlib.sha256(b"images").hexdigest(), urls=(f"{net.url}/images",)
    )
    net.files["/images"] = content
    monkeypatch.setitem(PUBLIC, "mnist", dataclasses.replace(what, files=(file,)))
    (tmp_path / file.path).parent.mkdir()
    (tmp_path / file.path).write_bytes(b"cut short")
    said = []
    get("mnist", tmp_path, say=said.append)
    assert any("is not the published file" in line for line in said)
    assert (tmp_path / file.path).read_bytes() == content


@pytest.mark.parametrize("name", ["av_digits", "grid_words", "rgb_flow", "ave", "cremad"])
def test_what_lacks_names_the_command_that_fetches_it(name, tmp_path, capsys):
    commands.print_missing(name, tmp_path, {})
    assert f"fetch it: mmlib data get {name} --data-root FOLDER" in capsys.readouterr().out
    commands.print_missing("vggsound", tmp_path, {})
    assert "fetch it" not in capsys.readouterr().out


def test_grid_has_no_options(tmp_path):
    with pytest.raises(UsageError, match="grid has no --set"):
        call(commands.prepare, "grid", source=tmp_path, settings=["seed=1"])
