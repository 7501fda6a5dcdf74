"""`--no-verify` reaches the kernel of every cell, and so does the batch that runs share what they found in."""

from __future__ import annotations

import pytest

from mmlib import cli
from mmlib.commands import workbook as commands
from mmlib.workbook.fingerprint import Fingerprints
from mmlib.workbook.plan import load_plan
from mmlib.workbook.running.runner import Batch, RunOptions
from mmlib.workbook.running.task import Task


@pytest.mark.parametrize("command", [["run", "toy"], ["reproduce"]])
@pytest.mark.parametrize(("option", "verify"), [([], True), (["--no-verify"], False)])
def test_the_option_of_both_commands(monkeypatch, tmp_path, command, option, verify):
    asked = []
    monkeypatch.setattr(commands, command[0], lambda *arguments: asked.extend(arguments) or 0)
    monkeypatch.setattr(cli, "add_data_commands", lambda: None)
    monkeypatch.setenv("MMLIB_OUTPUTS", str(tmp_path))
    with pytest.raises(SystemExit) as end:
        cli.main([*command, *option])
    assert not end.value.code
    (options,) = [one for one in asked if isinstance(one, RunOptions)]
    assert options.verify is verify


@pytest.mark.parametrize("verify", [True, False])
def test_every_task_of_a_batch_carries_it_to_its_worker(here, verify):
    cells = load_plan(here.plan()).cells("embedded", seeds=[0, 1], outputs=here.outputs)
    batch = Batch(RunOptions(here.outputs, verify=verify), Fingerprints(here.root), None)
    tasks = [Task.from_json(batch.task(cell).to_json()) for cell in cells]
    assert {(task.batch, task.verify) for task in tasks} == {(batch.identity, verify)}
    other = Batch(RunOptions(here.outputs), Fingerprints(here.root), None)
    assert other.identity != batch.identity != ""
