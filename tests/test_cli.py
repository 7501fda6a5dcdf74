"""The command line: exit codes, and one message without a traceback for each user's mistake."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

FAST = ("--workers", "1")


def refuses(toy, code: int, *arguments: str) -> str:
    """Run a command that must fail with `code` and one message; returns it."""
    done = toy.mmlib(*arguments)
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr


def test_help_has_examples(toy):
    for arguments in (["--help"], ["run", "--help"], ["status", "--help"]):
        done = toy.mmlib(*arguments)
        assert done.returncode == 0
        assert "mmlib" in done.stdout
    assert "Example" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "tow"], ["no plan 'tow'", "did you mean 'toy'"]),
        (["run", "toy", "--profile", "embeded"], ["no profile 'embeded'", "did you mean 'embedded'"]),
        (["run", "toy", "--rows", "okk"], ["no row 'okk'", "did you mean 'ok'"]),
        (["run", "toy", "--set", "stps=3"], ["'stps'", "did you mean 'steps'"]),
        (["run", "toy", "--set", "steps=three"], ["steps = 'three'", "whole number"]),
        (["run", "toy", "--set", "steps"], ["the setting steps", "name=value"]),
        (["run", "toy", "--set", "output=/x"], ["output is where each cell writes", "--outputs"]),
        (["run", "toy", "--rows", ","], ["--rows is empty"]),
        (["run", "toy", "--seeds", "a"], ["--seeds a", "whole numbers"]),
        (["run", "toy", "--seeds", str(2**63)], [f"seed {2**63}", "between 0 and"]),
        (["run", "absent.yaml"], ["no plan absent.yaml"]),
        (["run", "toy", "--wokers", "2"], ["--wokers"]),
        (["run", "toy", "--workers", "none"], ["--workers"]),
        (["run", "toy", "--outputs", ""], ["path is empty"]),
        (["run", "toy", "--timeout", "inf"], ["inf s is no time"]),
        (["status", "--outputs", "~nosuchuser/x"], ["~nosuchuser/x cannot be used"]),
        (["show", "nothing"], ["nothing", "mmlib status"]),
        (["reproduce", "--profile", "papr"], ["'papr'", "there are embedded"]),
        (["status", "--profile", "embeded"], ["no plan", "did you mean 'embedded'"]),
    ],
)
def test_wrong_usage_is_one_message(toy, arguments, words):
    toy.plan()
    message = refuses(toy, 2, *arguments)
    assert all(word in message for word in words), message
    assert not toy.outputs.exists(), "nothing may start before everything is checked"


def test_a_missing_data_root_is_named(toy):
    toy.plan()
    assert "/no/such/folder does not exist" in refuses(toy, 3, "run", "toy", "--data-root", "/no/such/folder")
    lock = toy.root / "requirements.lock"
    assert f"{lock} is no folder" in refuses(toy, 3, "data", "check", "--data-root", str(lock))


def test_missing_data_block_cells_and_say_what_is_missing(toy):
    toy.plan(parameters={"needs_data": True})
    done = toy.mmlib("run", "toy", *FAST)
    assert done.returncode == 3
    assert "blocked toy-ok-s0" in done.stdout
    assert "toy.txt is not in the data root; make it." in done.stdout
    assert "2 blocked" in done.stdout


@pytest.mark.parametrize("place", ["a file", "inside a file"])
def test_unwritable_outputs(toy, place):
    toy.plan()
    (toy.root / "blocked").write_text("a file, no folder")
    folder = toy.root / "blocked" / ("sub" if place == "inside a file" else "")
    for command in (["run", "toy"], ["status"]) if place == "a file" else (["run", "toy"],):
        assert "cannot write" in refuses(toy, 6, *command, "--outputs", str(folder))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_outputs_without_permission(toy):
    toy.plan()
    folder = toy.root / "readonly"
    folder.mkdir(mode=0o500)
    assert "cannot write" in refuses(toy, 6, "run", "toy", "--outputs", str(folder))


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:9", "nonsense://x", "tcp://noport", "127.0.0.1"])
def test_scheduler_not_reachable(toy, address):
    toy.plan()
    message = refuses(toy, 5, "run", "toy", "--scheduler", address)
    assert f"no Dask scheduler answers at {address}" in message


def test_a_notebook_without_a_parameters_cell(toy):
    toy.plan()
    path = toy.root / "notebooks" / "toy.ipynb"
    path.write_text(path.read_text().replace('{"tags": ["parameters"]}', "{}"))
    assert "toy.ipynb has no cell tagged 'parameters'" in refuses(toy, 2, "run", "toy")


def test_no_plans_at_all(toy):
    assert "Set MMLIB_PROJECT to the folder that holds notebooks/" in refuses(toy, 2, "status")


def test_dry_run_runs_nothing(toy):
    toy.plan()
    done = toy.mmlib("run", "toy", "--dry-run")
    assert done.returncode == 0
    assert "missing: never run\n    ok\n" in done.stdout
    assert toy.mmlib("run", "toy", "--dry-run", "-v").stdout.count("never run") == 2
    assert not toy.outputs.exists()


def test_a_closed_pipe_is_no_error(toy):
    toy.plan(profiles={"embedded": {"kind": "embedded", "seeds": list(range(3000))}})
    command = " ".join(toy.command("run", "toy", "--dry-run", "-v")) + " | head -1"
    done = subprocess.run(command, shell=True, env=toy.env, cwd=toy.root, capture_output=True, text=True)
    assert done.stderr == ""


def test_what_a_terminal_cannot_show_is_a_question_mark(toy):
    toy.plan(title="SimAM² − ζ")
    toy.env |= {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    done = toy.mmlib("show", "toy")
    assert done.returncode == 0, done.stderr
    assert "toy: SimAM? ? ?" in done.stdout


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
def test_output_to_a_full_or_closed_device(toy):
    toy.plan()
    for redirection, code in ((">/dev/full", 6), (">&-", 0)):
        command = " ".join([*toy.command("show", "toy"), redirection])
        done = subprocess.run(command, shell=True, env=toy.env, cwd=toy.root, stderr=subprocess.PIPE, text=True)
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr
        assert ("cannot use the output: No space left" in done.stderr) == (code == 6)


def test_plan_status_and_show_load_nothing_heavy(toy):
    toy.plan()
    code = (
        "import sys, mmlib.cli\n"
        "try:\n    mmlib.cli.main(sys.argv[1:])\nexcept SystemExit: pass\n"
        "heavy = {'torch', 'distributed', 'papermill', 'pandas', 'matplotlib', 'scipy', 'jupyter_client'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    for arguments in (["--help"], ["status"], ["show", "toy"], ["run", "toy", "--dry-run"], ["data", "list"]):
        command = [sys.executable, "-c", code, *arguments]
        done = subprocess.run(command, env=toy.env, cwd=toy.root, capture_output=True, text=True)
        assert done.returncode == 0, (arguments, done.stderr)


def test_data_commands(toy):
    toy.plan()
    assert "synthetic" in toy.mmlib("data", "list").stdout
    checked = toy.mmlib("data", "check")
    assert checked.returncode == 0
    assert "synthetic: nothing is missing" in checked.stdout
    assert "no/such" in refuses(toy, 3, "data", "check", "--data-root", "no/such")


def test_a_data_set_of_features_from_its_files_to_its_counts(toy):
    root = str(toy.root / "root")
    made = toy.mmlib("data", "standin", "ave", root, "--samples", "24")
    assert made.returncode == 0, made.stderr
    before = toy.mmlib("data", "check", "ave", "--data-root", root)
    assert before.returncode == 0
    assert "ave: nothing is missing" in before.stdout
    assert "visual_feature.h5: float64 (24, 10, 7, 7, 512)" in before.stdout
    folder = toy.mmlib("data", "prepare", "ave", "--data-root", root).stdout.splitlines()[-1]
    after = toy.mmlib("data", "check", "ave", "--data-root", root).stdout
    assert f"{folder}: sound; manifest" in after
    assert "visual features: float16 (28, 10, 7, 7, 512)" in after
    assert "is neither a folder nor a data set" in refuses(toy, 2, "data", "check", "avee")


def test_a_stand_in_can_be_written_and_checked(toy):
    made = toy.mmlib("data", "standin", "cremad", str(toy.root / "standins"), "--samples", "16")
    assert made.returncode == 0, made.stderr
    folder = made.stdout.strip()
    sound = toy.mmlib("data", "check", folder).stdout
    assert "sound; manifest" in sound
    assert "actors, published 91" in sound, "how it differs from the published data set is said"
    listed = toy.mmlib("data", "check", "--data-root", str(toy.root / "standins")).stdout
    assert "cremad: nothing is missing" in listed
    (toy.root / "standins" / "cremad" / "index.csv").write_text("")
    damaged = toy.mmlib("data", "check", folder)
    assert damaged.returncode == 3
    assert "index.csv" in damaged.stdout
