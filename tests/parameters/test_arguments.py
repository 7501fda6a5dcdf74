"""`name=value` texts become typed values."""

import pytest

from mmlib.errors import UsageError
from mmlib.parameters.arguments import parse_settings


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("0.5", 0.5),
        ("1e-3", 0.001),  # YAML 1.1 alone reads a text here
        ("true", True),
        ("null", None),
        ("film", "film"),
        ("'3'", "3"),
        ("", ""),
        ("a=b", "a=b"),
    ],
)
def test_values(text, value):
    found = parse_settings([f"name={text}"])["name"]
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize("text", ["epochs", "=3", "name={"])
def test_what_cannot_be_read(text):
    with pytest.raises(UsageError, match="name=value|quotes"):
        parse_settings([text])
