"""`mmlib figures`: from records alone, without torch; one message where there is nothing."""

from __future__ import annotations

import subprocess
import sys

import pytest
from claims_fakes import write_runs

from mmlib.commands.figures import figures
from mmlib.errors import UsageError
from mmlib.workbook.plan import find_plan


def test_draws_what_has_records(stub_project, capsys):
    outputs = stub_project / "outputs"
    write_runs(find_plan("table1"), "embedded", outputs)
    code = (
        "import sys\nfrom pathlib import Path\nfrom mmlib.commands.figures import figures\n"
        f"figures(None, None, Path({str(outputs)!r}))\nassert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "table1 / embedded: rows, statements, curves" in done.stdout
    assert "3 figures, 9 files" in done.stdout
    written = {path.name for path in (outputs / "figures").glob("[!.]*")}  # beside them, from what they were drawn
    assert written == {
        f"table1-embedded-{name}.{suffix}"
        for name in ("rows", "statements", "curves")
        for suffix in ("png", "pdf", "svg")
    }


def test_says_that_there_is_nothing_to_draw(stub_project):
    with pytest.raises(UsageError, match="no finished cell of table1 / cremad.*mmlib run table1 --profile cremad"):
        figures("table1", "cremad", stub_project / "outputs")
    with pytest.raises(UsageError, match="did you mean 'cremad'"):
        figures("table1", "cremat", stub_project / "outputs")
    with pytest.raises(UsageError, match="did you mean 'table1'"):
        figures("tabel1", None, stub_project / "outputs")
