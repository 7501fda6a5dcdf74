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


@pytest.mark.parametrize(
    ("text", "value"),
    [("-0.5", -0.5), ("+7", 7), ("1.", 1.0), (".5", 0.5), ("2E+3", 2000.0), ("9223372036854775807", 2**63 - 1)],
)
def test_numbers_mean_what_python_means(text, value):
    found = parse_settings([f"name={text}"])["name"]
    assert found == value == eval(text)
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("010", "write 10"),
        ("-007", "write -7"),
        ("1_000", "write 1000"),
        ("00.5", "write 0.5"),
        ("1:30", "in decimals"),
        ("1:30:00", "in decimals"),
        ("0x10", "in decimals"),
        ("0b11", "in decimals"),
        ("0o17", "in decimals"),
        ("yes", "write true or false"),
        ("No", "write true or false"),
        ("on", "write true or false"),
        ("OFF", "write true or false"),
        ("2026-01-01", "in several ways"),
        ("2026-13-45", "in several ways"),
        (".inf", "in several ways"),
        ("nan", "in several ways"),
        ("1e999", "too large"),
        ("9" * 5000, "too long"),
        ("[1, {a: 010}]", "write 10"),
        ("!!int '010'", "the tag"),
        ("!!python/object/apply:os.system ['true']", "the tag"),
        ("&a [*a]", "holds itself"),
        ("[" * 5000, "nested more than"),
        ("{a: 1, a: 2}", "occurs twice"),
    ],
)
def test_what_could_mean_several_things_is_refused(text, advice):
    with pytest.raises(UsageError, match=advice) as caught:
        parse_settings([f"name={text}"])
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("text", ["'010'", '"yes"', "1.2.3", "y", "1e", "٣", "a:b", "on the left"])
def test_texts_stay_texts(text):
    assert parse_settings([f"name={text}"])["name"] == text.strip("'\"")
