"""A server on the loopback address in place of the internet, and nothing else to be reached."""

import pytest
from loopback import internet


@pytest.fixture
def net(monkeypatch):
    for variable in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(variable, raising=False)
    with internet() as net:
        yield net
