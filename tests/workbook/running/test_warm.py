"""Warm processes: without threads, shared by workers, and gone when their owner is."""

from __future__ import annotations

import os
import resource
import signal
import sys
import time
from pathlib import Path

import pytest

from mmlib.workbook.running import warm
from mmlib.workbook.running.cluster import Places, local_cluster
from mmlib.workbook.running.environment import HASH_SEED
from mmlib.workbook.running.kernel import ForkedProcess
from mmlib.workbook.running.warm import Branch, Zygote, shared_zygote, warm_zygote


@pytest.fixture(scope="module")
def zygote(tmp_path_factory):
    """One warm process for all tests here."""
    process = Zygote(("toy_that_is_absent", "torch"), dict(os.environ), tmp_path_factory.mktemp("cwd"))
    yield process
    process.close()


def has_ended(pid: int) -> bool:
    """Whether a process is gone, within some seconds; one that nobody has waited for is."""
    for _ in range(200):
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except OSError:
            return True
        time.sleep(0.05)
    return False


def spawned(line: warm.Line, folder: Path) -> int:
    """The process of a kernel that waits for somebody to connect."""
    return line.ask(op="spawn", argv=["-f", str(folder / "k.json")], env={}, cwd="/", log="/dev/null")["pid"]


def test_the_zygote_has_no_threads_and_has_not_touched_cuda(zygote):
    answer = zygote.ask(op="info")
    assert answer["threads"] == 1
    assert answer["cuda"] is False
    assert {"torch._dynamo", "pandas", "matplotlib.pyplot"} <= set(answer["modules"])


def test_experiments_without_torch_do_not_wait_for_it(tmp_path):
    process = Zygote(("mmlib.record",), dict(os.environ), tmp_path)
    try:
        loaded = set(process.ask(op="info")["modules"])
    finally:
        process.close()
    assert {"mmlib.record", "ipykernel.kernelapp"} <= loaded
    assert not {"torch", "pandas", "matplotlib"} & loaded


def sockets(pid: int) -> set[str]:
    return {link for entry in Path(f"/proc/{pid}/fd").iterdir() if (link := os.readlink(entry)).startswith("socket")}


def test_a_kernel_does_not_hold_the_line_of_its_worker(zygote, tmp_path):
    pid = spawned(zygote, tmp_path)
    line = sockets(zygote.process.pid)
    assert len(line) == 1
    for _ in range(100):  # until it has begun
        if not sockets(pid) & line:
            break
        time.sleep(0.05)
    assert not sockets(pid) & line
    os.kill(pid, signal.SIGKILL)


def test_kernels_die_with_their_zygote(tmp_path):
    process = Zygote((), dict(os.environ), tmp_path)
    pid = spawned(process, tmp_path)
    process.process.kill()
    process.process.wait()
    assert has_ended(pid)
    assert ForkedProcess(process, pid).poll() == -signal.SIGKILL


@pytest.mark.parametrize("torch", [True, False])
def test_a_module_that_starts_threads_is_left_to_the_cells(tmp_path, torch):
    more = ", torch" if torch else ""
    (tmp_path / "threaded.py").write_text(
        f"import threading, time{more}\nthreading.Thread(target=time.sleep, args=(60,), daemon=True).start()"
    )
    path = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    process = Zygote(("threaded",), os.environ | {"PYTHONPATH": path}, tmp_path)
    try:
        answer = process.ask(op="info")
    finally:
        process.close()
    assert answer["threads"] == 1
    assert "threaded" not in answer["modules"]
    assert ("torch" in answer["modules"]) == torch


@pytest.fixture
def shared(tmp_path):
    with shared_zygote(("mmlib.record",), 3, tmp_path, {"MMLIB_OUTPUTS": "here"}) as path:
        yield path


def test_workers_share_what_was_imported_and_fork_zygotes_of_their_own(shared, tmp_path):
    first, second = Branch(shared), Branch(shared)
    about = [line.ask(op="info") for line in (first, second)]
    assert about[0]["pid"] != about[1]["pid"]
    assert all(one["threads"] == 1 and "mmlib.record" in one["modules"] for one in about)
    parents = {Path(f"/proc/{one['pid']}/stat").read_text().rpartition(")")[2].split()[1] for one in about}
    assert len(parents) == 1, "they come from one process"
    environment = Path(f"/proc/{parents.pop()}/environ").read_bytes().split(b"\0")
    assert {b"MMLIB_OUTPUTS=here", b"PYTHONHASHSEED=6640"} <= set(environment)
    pids = [spawned(line, tmp_path) for line in (first, second)]
    first.close()
    assert has_ended(about[0]["pid"])
    assert has_ended(pids[0]), "a kernel outlived the worker that it belonged to"
    assert second.alive()
    assert ForkedProcess(second, pids[1]).poll() is None, "what another worker does is none of its business"
    os.kill(pids[1], signal.SIGKILL)
    second.close()


def test_all_ends_with_the_process_that_is_shared(tmp_path):
    with shared_zygote((), 1, tmp_path, {}) as path:
        line = Branch(path)
        pid, kernel = line.ask(op="info")["pid"], spawned(line, tmp_path)
        assert line.alive()
    assert has_ended(pid)
    assert has_ended(kernel)
    assert not line.alive()
    assert not Path(path).parent.exists()
    with pytest.raises(ConnectionError):
        line.ask(op="info")


def test_a_worker_starts_its_own_where_none_is_shared(shared, tmp_path, monkeypatch):
    monkeypatch.setattr(warm, "_mine", None)
    first = warm_zygote(("mmlib.record",), "1", tmp_path, shared)
    assert isinstance(first, Branch)
    assert warm_zygote(("mmlib.record",), "1", tmp_path, shared) is first
    second = warm_zygote(("mmlib.record",), "1", tmp_path, str(tmp_path / "nobody"))
    assert second is first, "as long as it lives"
    os.kill(first.ask(op="info")["pid"], signal.SIGKILL)
    while first.alive():
        time.sleep(0.01)
    third = warm_zygote(("mmlib.record",), "1", tmp_path, str(tmp_path / "nobody"))
    assert isinstance(third, Zygote)
    assert "mmlib.record" in third.ask(op="info")["modules"]
    third.close()


def test_a_batch_does_without_where_none_can_listen(tmp_path, monkeypatch):
    monkeypatch.setattr(warm, "SOCKET", "x" * 200)  # no address may be as long
    with shared_zygote((), 1, tmp_path, {}) as path:
        assert path == ""


def test_it_need_not_be_waited_for_while_it_imports(tmp_path):
    (tmp_path / "slow.py").write_text("import time; time.sleep(60)")
    began = time.monotonic()
    with shared_zygote(("slow",), 1, tmp_path, {"PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}) as path:
        line = Branch(path)
        time.sleep(0.5)
    assert time.monotonic() - began < 4
    with pytest.raises(ConnectionError):
        line.ask(op="info")


def test_no_room_for_another_costs_only_who_asked(shared):
    first = Branch(shared)
    parent = int(Path(f"/proc/{first.ask(op='info')['pid']}/stat").read_text().rpartition(")")[2].split()[1])
    usual = resource.prlimit(parent, resource.RLIMIT_NOFILE)
    resource.prlimit(parent, resource.RLIMIT_NOFILE, (3, usual[1]))
    second = Branch(shared)
    time.sleep(0.3)
    assert first.alive()
    resource.prlimit(parent, resource.RLIMIT_NOFILE, usual)
    assert second.ask(op="info")["threads"] == 1, "once there is room"


def test_one_that_is_shared_does_without_a_module_that_starts_threads(tmp_path, monkeypatch):
    (tmp_path / "threaded.py").write_text(
        "import threading, time\nthreading.Thread(target=time.sleep, args=(60,), daemon=True).start()"
    )
    path = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    with shared_zygote(("threaded",), 1, tmp_path, {"PYTHONPATH": path}) as shared:
        answer = Branch(shared).ask(op="info")
    assert answer["threads"] == 1
    assert "threaded" not in answer["modules"]


def test_workers_have_the_seed_of_hashes_that_the_shared_process_is_given():
    """Dask may choose another one day: kernels of one batch must not depend on whose process they come from."""
    with local_cluster(Places(1, 1)) as client:
        assert {"PYTHONHASHSEED": client.submit(os.getenv, "PYTHONHASHSEED").result(timeout=60)} == HASH_SEED
