"""What a user has on the machine does not reach a batch: Git's variables, Dask's and Jupyter's configuration."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from mmlib.errors import UsageError
from mmlib.workbook.running.cluster import QUIET, plain_dask
from mmlib.workbook.running.runner import git_state

LIFETIME = "distributed.worker.lifetime.duration"


def repository(folder, name: str) -> str:
    """A repository with one commit; its hash."""
    folder.mkdir()
    (folder / name).write_text(name)
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    who = ["-c", "user.name=n", "-c", "user.email=e@example.org"]
    for command in (["init", "-q"], ["add", "."], [*who, "commit", "-q", "-m", name]):
        subprocess.run(["git", "-C", folder, *command], check=True, env=environment)
    return git_state(folder).commit


def test_git_variables_do_not_name_another_repository(tmp_path, monkeypatch):
    ours, other = (repository(tmp_path / name, name) for name in ("ours", "other"))
    assert None not in (ours, other)
    assert ours != other
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "other" / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(tmp_path / "other"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "nowhere"))
    found = git_state(tmp_path / "ours")
    assert (found.commit, found.dirty) == (ours, False)
    (tmp_path / "ours" / "new.txt").write_text("")
    assert git_state(tmp_path / "ours").dirty


def test_dask_runs_with_its_own_defaults_and_gets_the_users_back(monkeypatch):
    import dask
    import distributed  # noqa: F401  # else what is set here goes with all of its defaults afterwards

    monkeypatch.setenv("DASK_DISTRIBUTED__WORKER__LIFETIME__DURATION", "1 s")
    with dask.config.set({LIFETIME: "1 s", "distributed.comm.require-encryption": True}):
        with plain_dask():
            assert dask.config.get(LIFETIME) is None
            assert not dask.config.get("distributed.comm.require-encryption")
            assert [name for name in os.environ if name.startswith("DASK_")] == [QUIET]
            assert os.environ["PYTHONSAFEPATH"]
        assert dask.config.get(LIFETIME) == "1 s"
    assert "DASK_DISTRIBUTED__WORKER__LIFETIME__DURATION" in os.environ
    assert "PYTHONSAFEPATH" not in os.environ


def test_a_configuration_that_dask_cannot_read_is_named(tmp_path):
    (tmp_path / ".config" / "dask").mkdir(parents=True)
    (tmp_path / ".config" / "dask" / "bad.yaml").write_text("a: [")
    code = "from mmlib.workbook.running.cluster import cores; cores()"
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | {"HOME": str(tmp_path)}, capture_output=True, text=True
    )
    assert f"{UsageError.__name__}: A dask config file at" in done.stderr
    assert "bad.yaml" in done.stderr.splitlines()[-1]


def hostile(folder) -> dict[str, str]:
    """An environment in which everything that can be configured is configured against us; `folder` is the home."""
    dask = folder / ".config" / "dask"
    spec = folder / "jupyter" / "kernels" / "python3"
    for place in (dask, spec, folder / "mpl"):
        place.mkdir(parents=True)
    (dask / "dask.yaml").write_text(
        "distributed:\n  comm: {require-encryption: true}\n  worker: {lifetime: {duration: 1 s}}\n"
        "  nanny: {preload: [no_such_module]}\n"
    )
    (spec / "kernel.json").write_text(
        json.dumps({"argv": ["/bin/false", "{connection_file}"], "display_name": "x", "language": "python"})
    )
    for name in ("startup.py", "av.py", "signal.py"):
        (folder / name).write_text("raise SystemExit('a file of the user was run')")
    (folder / "matplotlibrc").write_text("text.usetex: True\naxes.facecolor: yellow\nbackend: no_such\n")
    return {
        "HOME": str(folder),
        "JUPYTER_PATH": str(folder / "jupyter"),
        "PYTHONSTARTUP": str(folder / "startup.py"),
        "MATPLOTLIBRC": str(folder),
        "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "0",
        "GIT_DIR": str(folder / "no.git"),
    }


@pytest.mark.parametrize("kernels", [[], ["--cold-kernels"]], ids=["warm", "cold"])
def test_a_batch_among_hostile_configuration_ends_as_ever(toy, tmp_path, kernels):
    toy.plan(profiles={"embedded": {"kind": "embedded", "seeds": [0], "parameters": {}}})
    arguments = ["run", "toy", "--workers", "1", "--cold-kernels"]
    expected = toy.mmlib(*arguments)
    assert expected.returncode == 0, expected.stdout + expected.stderr
    metrics = toy.metrics()
    toy.env |= hostile(tmp_path / "home")
    done = subprocess.run(
        [sys.executable, "-P", "-c", "from mmlib.cli import main; main()", *arguments[:-1], *kernels, "--force"],
        env=toy.env,
        cwd=tmp_path / "home",
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert toy.metrics() == metrics
    assert not done.stderr.strip()
