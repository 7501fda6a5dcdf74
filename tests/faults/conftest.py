"""The fixture that counts how the cases of one class ended."""

from __future__ import annotations

import os

import pytest
from faults import CASES, Campaign


@pytest.fixture
def campaign(request, tmp_path):
    """A campaign that must end without failures, and with nothing executed."""
    made = Campaign(request.node.name.removeprefix("test_"), str(tmp_path / "executed"))
    yield made
    print(f"\n{made.name}: {sum(made.outcomes.values())} cases, {dict(made.outcomes)}")
    assert not os.path.exists(made.marker)
    assert not made.failures, "\n".join(made.failures)
    assert sum(made.outcomes.values()) >= CASES
