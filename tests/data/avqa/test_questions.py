"""Records and files of questions: what is read, and one message with file and record for each thing that is wrong."""

from __future__ import annotations

import json

import pytest

from mmlib.data.avqa.asked import ask
from mmlib.data.avqa.files import read_questions
from mmlib.data.avqa.questions import Question, read_record
from mmlib.errors import DataError

RECORD = {
    "video_id": "00000272",
    "question_id": 50,
    "type": '["Audio-Visual", "Temporal"]',
    "question_content": "Where is the <FL> sounding instrument?",
    "templ_values": '["first"]',
    "question_deleted": 0,
    "anser": "left",
}


def read(**changes):
    return read_record(RECORD | changes, "test", "avqa-test.json", 7)


def test_a_record():
    question = read()
    assert question == Question(
        "test",
        50,
        "00000272",
        "Audio-Visual",
        "Temporal",
        "Where is the <FL> sounding instrument?",
        ("first",),
        "left",
        "avqa-test.json, record 7, question 50",
    )
    assert question.record == RECORD


@pytest.mark.parametrize("values", ["['first']", ["first"], '["first"]'])
def test_lists_as_json_as_python_and_as_they_are(values):
    assert read(templ_values=values).values == ("first",)
    assert read(templ_values="[]").values == ()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"anser": None}, r"record 7, question 50: it has no answer \(anser is None\)"),
        ({"anser": " "}, r"it has no answer \(anser is ' '\)"),
        ({"anser": 3}, r"it has no answer \(anser is 3\)"),
        ({"question_content": "  "}, "question_content is missing or empty"),
        ({"video_id": None}, "video_id is missing or empty"),
        ({"question_id": "50"}, "question_id is no whole number"),
        ({"question_id": None}, "question None: question_id is missing"),
        ({"type": '["Audio", "Location"]'}, r"the type \['Audio', 'Location'\] is none of the nine"),
        ({"type": "Audio"}, "type is 'Audio', expected a list of words as text"),
        ({"templ_values": '["first"'}, "templ_values is .* expected a list of words"),
        ({"templ_values": "[__import__('os').getcwd()]"}, "templ_values is .* expected a list of words"),
        ({"templ_values": "[1]"}, "templ_values is '.1.', expected a list of words"),
    ],
)
def test_what_is_wrong_with_a_record_is_said(changes, message):
    with pytest.raises(DataError, match="avqa-test.json, record 7") as caught:
        read(**changes)
    caught.match(message)


def test_no_record_and_a_field_that_lacks():
    with pytest.raises(DataError, match="avqa-test.json, record 7: 'text' is no record"):
        read_record("text", "test", "avqa-test.json", 7)
    without = {name: value for name, value in RECORD.items() if name != "anser"}
    with pytest.raises(DataError, match="it has no answer"):
        read_record(without, "test", "avqa-test.json", 7)


def test_files(tmp_path):
    path = tmp_path / "avqa-test.json"
    path.write_text(json.dumps([RECORD, RECORD | {"question_id": 0}]))
    assert [question.number for question in read_questions(path, "test")] == [50, 0]
    path.write_text(json.dumps([RECORD, RECORD | {"question_id": 0}, RECORD]))
    with pytest.raises(DataError, match=r"avqa-test.json: question_id 50 stands twice, in records 0 and 2"):
        read_questions(path, "test")
    path.write_text(json.dumps([RECORD])[:-9])
    with pytest.raises(DataError, match=r"avqa-test.json cannot be read as JSON \(.*line 1 .*\)\. Get the file again"):
        read_questions(path, "test")
    path.write_text(json.dumps({"records": []}))
    with pytest.raises(DataError, match=r"avqa-test.json holds no list of questions"):
        read_questions(path, "test")
    path.unlink()
    with pytest.raises(DataError, match=r"avqa-test.json cannot be read as JSON \(No such file"):
        read_questions(path, "test")


def question(split, number, answer="yes", content="Is it on?"):
    return Question(
        split, number, f"v{number % 2}", "Audio", "Counting", content, (), answer, f"{split}, question {number}"
    )


def test_rows_are_by_split_and_in_the_order_of_the_file():
    questions = [question("test", 9), question("train", 5), question("train", 2, "no"), question("validation", 7)]
    asked = ask(questions, "published")
    assert asked.index["id"].tolist() == ["train-5", "train-2", "val-7", "test-9"]
    assert asked.index["label"].tolist() == [0, 1, 0, 0]
    assert asked.videos == ["v1", "v0"]
    assert asked.index["item"].tolist() == [0, 1, 0, 0]
    assert asked.index["text"][0] == "Is it on?"


def test_an_answer_that_training_lacks():
    questions = [question("train", 1), question("test", 2, "no"), question("test", 3, "no")]
    with pytest.raises(
        DataError, match=r"test, question 2: no training question has the answer 'no'.*\(2 such questions"
    ):
        ask(questions, "published")
    with pytest.raises(DataError, match="there is no training question"):
        ask(questions[1:], "published")
