"""The README's example of a person's own arrays, as it stands: the files, and each of its commands."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys

import pytest


@pytest.mark.slow
def test_the_example_runs(project, tmp_path):
    section = (project / "README.md").read_text().partition("### Your own arrays\n")[2].partition("\n### ")[0]
    (snippet,) = re.findall(r"```python\n(.*?)```", section, re.S)
    (commands,) = re.findall(r"```bash\n(.*?)```", section, re.S)
    environment = os.environ | {"TMPDIR": str(tmp_path), "MMLIB_OUTPUTS": str(tmp_path / "outputs")}
    environment |= {"PYTHONPATH": str(project), "MMLIB_PROJECT": str(project), "OMP_NUM_THREADS": "1"}

    def run(*words):
        done = subprocess.run([sys.executable, *words], cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    run("-c", snippet)
    said = []
    places = {
        "/tmp/": f"{tmp_path}/",
        "--out data": f"--out {tmp_path}/out",
        "data_root=data": f"data_root={tmp_path}/out",
        "--data-root data": f"--data-root {tmp_path}/out",
        "output=outputs/": f"output={tmp_path}/",
    }
    for shown, here in places.items():
        assert shown in commands
        commands = commands.replace(shown, here)
    for line in commands.splitlines():
        words = shlex.split(line)
        said.append(run("-m", "mmlib.cli", *words[1:]) if words[0] == "mmlib" else run(*words[1:]))
    assert len(said) == 3
    assert "depth uint8 (400, 1, 24, 32), pose float32 (400, 20, 6), touch float32 (400, 8)" in said[0]
    assert "1 done" in said[2]
