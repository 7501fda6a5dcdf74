"""Borrows the toy project of the runner's tests."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

_path = Path(__file__).resolve().parent.parent / "workbook" / "conftest.py"
_specification = importlib.util.spec_from_file_location("toy_project", _path)
_module = importlib.util.module_from_spec(_specification)
sys.modules["toy_project"] = _module  # dataclasses look their module up
_specification.loader.exec_module(_module)
toy, here = _module.toy, _module.here
