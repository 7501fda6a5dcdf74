"""nbformat is imported without grammars that take a second, and checks notebooks as before."""

from __future__ import annotations

import subprocess
import sys

import pytest


def ran(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def test_grammars_are_left_out_and_stay_importable():
    pytest.importorskip("rfc3987_syntax")
    code = "import sys\nfrom mmlib.notebook_format import prepare\nprepare()\nimport nbformat, papermill, nbconvert\n"
    assert ran(f"{code}print('rfc3987_syntax' in sys.modules, 'lark' in sys.modules)") == "False False"
    assert ran(f"{code}import rfc3987_syntax\nprint(rfc3987_syntax.is_valid_syntax('iri', 'a:b'))") == "True"


def test_notebooks_are_checked_as_before():
    code = """
from mmlib.notebook_format import prepare
prepare()
prepare()
import nbformat
nbformat.validate(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1")]))
try:
    broken = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [{"cell_type": "x"}]}
    nbformat.validate(nbformat.from_dict(broken))
except nbformat.ValidationError:
    print("refused")
"""
    assert ran(code) == "refused"
