"""What is read of the processor."""

from __future__ import annotations

import pytest

from mmlib.commands import show
from mmlib.machine import computes_bf16
from mmlib.workbook.plan import find_plan


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("processor\t: 0\nflags\t\t: fpu avx2 avx512_bf16 sse\n", True),
        ("flags : amx_tile amx_bf16\n", True),
        ("Features\t: fp asimd bf16\n", True),
        ("flags\t\t: fpu avx2 avx512f\n", False),
        ("model name : bf16\n", False),
        ("", False),
    ],
)
def test_bf16_is_read_from_the_flags(tmp_path, text, expected):
    (tmp_path / "cpuinfo").write_text(text)
    assert computes_bf16(tmp_path / "cpuinfo") == expected
    assert not computes_bf16(tmp_path / "missing")


@pytest.mark.parametrize("able", [True, False])
def test_show_offers_bf16_where_the_processor_has_it(monkeypatch, capsys, able):
    monkeypatch.setattr(show, "computes_bf16", lambda: able)
    show.show_plan(find_plan("table1"))
    assert ("--set precision=bf16" in capsys.readouterr().out) == able
