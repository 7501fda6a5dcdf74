"""Resuming: after a stop at any epoch the run ends as if it had never stopped."""

from __future__ import annotations

import io
import threading
import zipfile

import numpy as np
import pytest
import torch

from mmlib.errors import OutputsError
from mmlib.training import checkpoint
from mmlib.training.checkpoint import CheckpointWriter, host_copy, load_checkpoint, save_checkpoint
from mmlib.training.loop import Trainer

EPOCHS = 5


class Stop(Exception):
    """Stands for a kill: nothing of the loop runs after it."""


def stop_after(runner, epochs: int, monkeypatch, during_next=False) -> None:
    """Let `epochs` epochs finish, then stop, in the middle of the next one if asked."""
    real = Trainer._train_epoch

    def train_epoch(trainer, epoch, learning_rate):
        if trainer.first_epoch + epoch < epochs:
            return real(trainer, epoch, learning_rate)
        if during_next:
            trainer.replica.train()
            trainer._step(next(iter(trainer.train_loader)))
            trainer.log.history.append({"epoch": "half written"})
        raise Stop

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "_train_epoch", train_epoch)
        with pytest.raises(Stop):
            runner.run()


def untimed(history):
    return [
        {key: value for key, value in entry.items() if key not in ("seconds", "samples_per_s")} for entry in history
    ]


def assert_equal_runs(one, two, first, second):
    assert untimed(one.history) == untimed(two.history)
    assert one.traces.keys() == two.traces.keys()
    for name, value in one.traces.items():
        np.testing.assert_array_equal(value, two.traces[name])
    assert one.selector.chosen == two.selector.chosen
    for name, value in first.model.state_dict().items():
        assert torch.equal(value, second.model.state_dict()[name]), name
    for name, value in one.selector.weights.items():
        assert torch.equal(value, two.selector.weights[name]), name
    for epoch, splits in one.selector.evaluations.items():
        for split, evaluation in splits.items():
            other = two.selector.evaluations[epoch][split]
            assert evaluation.metrics == other.metrics
            np.testing.assert_array_equal(evaluation.arrays["errors"], other.arrays["errors"])
    assert first.modulations[0].seen == second.modulations[0].seen


@pytest.mark.parametrize("during_next", [False, True], ids=["between", "within"])
@pytest.mark.parametrize("stop", range(EPOCHS))
def test_resume_is_bit_identical(make_trainer, monkeypatch, stop, during_next, tmp_path):
    whole = make_trainer(EPOCHS, "whole", optimizer="adam")
    expected = whole.fit()
    stop_after(make_trainer(EPOCHS, "stopped", optimizer="adam"), stop, monkeypatch, during_next)
    torch.manual_seed(99)  # a new process would not have the old one's random state
    np.random.seed(99)
    resumed = make_trainer(EPOCHS, "stopped", optimizer="adam", seed=5 if stop else 0)
    outcome = resumed.fit()
    assert outcome.resumed_at == (stop or None)
    assert_equal_runs(expected, outcome, whole, resumed)
    text = (tmp_path / "stopped" / "history.jsonl").read_text()
    assert len(text.splitlines()) == EPOCHS
    assert "half written" not in text


def test_finished_run_has_nothing_left_to_train(make_trainer, capsys):
    first = make_trainer(2)
    expected = first.fit()
    capsys.readouterr()
    second = make_trainer(2, seed=7)
    outcome = second.fit()
    assert "0 left to train" in capsys.readouterr().out
    assert_equal_runs(expected, outcome, first, second)
    assert outcome.history == expected.history


def test_other_fingerprint_is_ignored_and_said(make_trainer, capsys, monkeypatch):
    make_trainer(2).fit()
    expected = make_trainer(2, "fresh", fingerprint="g").fit()
    capsys.readouterr()
    outcome = make_trainer(2, fingerprint="g").fit()
    assert "made with other parameters, code or data; training starts anew" in capsys.readouterr().out
    assert outcome.resumed_at is None
    assert untimed(outcome.history) == untimed(expected.history)


@pytest.mark.parametrize("damage", [b"", b"no checkpoint", b"\x80\x04cos\nsystem\n.", None])
def test_damaged_checkpoint_is_ignored_and_said(make_trainer, tmp_path, capsys, damage):
    make_trainer(2).fit()
    path = tmp_path / "run" / checkpoint.FILE
    path.write_bytes(path.read_bytes()[:1000] if damage is None else damage)
    outcome = make_trainer(2).fit()
    assert outcome.resumed_at is None
    said = capsys.readouterr().out
    assert "is damaged" in said
    assert "training starts anew" in said
    assert "weights_only" not in said
    assert "Weights only" not in said, "torch's advice is to load it unsafely"


class Told:
    """Says so when it is unpickled."""

    def __reduce__(self):
        return print, ("EXECUTED",)


@pytest.mark.parametrize("inside", ["pickle", "compressed", "nothing"])
def test_what_is_packed_inside_is_as_little_trusted(make_trainer, tmp_path, capsys, inside):
    make_trainer(2).fit()
    path, stream = tmp_path / "run" / checkpoint.FILE, io.BytesIO()
    if inside == "pickle":
        torch.save(Told(), stream)
    elif inside == "compressed":
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("archive/data.pkl", bytes(1 << 20))
    state = torch.load(path, weights_only=True)
    assert state["before"].dtype == torch.uint8
    state["before"] = torch.tensor(list(stream.getvalue()), dtype=torch.uint8)
    torch.save(state, path)
    capsys.readouterr()
    assert make_trainer(2).fit().resumed_at is None
    said = capsys.readouterr().out
    assert "is damaged" in said
    assert "training starts anew" in said
    assert "EXECUTED" not in said


def test_a_flipped_bit_anywhere_starts_anew_or_changes_nothing(make_trainer, tmp_path, capsys):
    make_trainer(2).fit()
    path = tmp_path / "run" / checkpoint.FILE
    whole, rng = path.read_bytes(), np.random.default_rng(0)
    expected = repr(checkpoint.load_checkpoint(path.parent, "f")[0])
    with zipfile.ZipFile(path) as archive:
        tensors = [part for part in archive.infolist() if "/data/" in part.filename and part.file_size]
    places = [part.header_offset + 30 + len(part.filename) for part in tensors]  # where a header's padding begins
    found = {"damaged": 0, "equal": 0}
    for place in [*rng.choice(places, 10), *rng.integers(len(whole), size=120)]:
        flipped = bytearray(whole)
        flipped[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(flipped)
        state, problem = checkpoint.load_checkpoint(path.parent, "f")
        assert (state is None) == (problem is not None)
        assert problem is None or ("is damaged" in problem and "starts anew" in problem)
        assert state is None or repr(state) == expected
        found["equal" if problem is None else "damaged"] += 1
    assert found["damaged"] > 60


@pytest.mark.parametrize("tensor", range(6))
def test_a_flipped_bit_of_a_tensor_is_seen(make_trainer, tmp_path, tensor):
    make_trainer(2).fit()
    path = tmp_path / "run" / checkpoint.FILE
    with zipfile.ZipFile(path) as archive:
        name = [part.filename for part in archive.infolist() if "/data/" in part.filename and part.file_size][tensor]
        content = archive.read(name)
    whole = path.read_bytes()
    place = whole.index(content)
    path.write_bytes(whole[:place] + bytes([whole[place] ^ 64]) + whole[place + 1 :])
    state, problem = checkpoint.load_checkpoint(path.parent, "f")
    assert state is None
    assert "is not what was stored" in problem


def test_holds_plain_tensors_and_numbers_only(make_trainer, tmp_path):
    make_trainer(2).fit()
    state = torch.load(tmp_path / "run" / checkpoint.FILE, weights_only=True)
    assert state["epoch"] == 2
    assert state["fingerprint"] == "f"


def test_interrupt_leaves_a_resumable_state(make_trainer, tmp_path, capsys, monkeypatch):
    whole = make_trainer(3, "whole")
    expected = whole.fit()
    trainer = make_trainer(3)
    real = Trainer._step

    def step(within, batch):
        if trainer.task.calls == 4:
            raise KeyboardInterrupt
        real(within, batch)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "_step", step)
        with pytest.raises(KeyboardInterrupt):
            trainer.fit()
    assert "interrupted in epoch 2; finished epochs are kept" in capsys.readouterr().out
    resumed = make_trainer(3)
    assert_equal_runs(expected, resumed.fit(), whole, resumed)


def test_writing_is_atomic(make_trainer, tmp_path, monkeypatch):
    trainer = make_trainer(1)
    trainer.fit()
    path = tmp_path / "run" / checkpoint.FILE
    before = path.read_bytes()
    monkeypatch.setattr(torch, "save", lambda state, target: (target.write_bytes(b"half"), (_ for _ in ()).throw(Stop)))
    with pytest.raises(Stop):
        checkpoint.save_checkpoint(path.parent, "f", {})
    assert path.read_bytes() == before
    assert [item.name for item in path.parent.iterdir() if item.name.endswith(".tmp")] == []


def test_a_checkpoint_holds_the_state_of_its_moment(tmp_path, monkeypatch):
    """It is written beside the training, which goes on changing the same tensors and lists."""
    go = threading.Event()

    def slowly(*arguments):
        assert go.wait(30)
        save_checkpoint(*arguments)

    monkeypatch.setattr(checkpoint, "save_checkpoint", slowly)
    weight, history = torch.zeros(3), [{"epoch": 0}]
    writer = CheckpointWriter(tmp_path, "f")
    writer.save({"model": {"w": weight, "tied": weight}, "history": history, "sizes": (1, 2)})
    weight += 1
    history.append({"epoch": 1})
    assert not (tmp_path / checkpoint.FILE).exists()
    go.set()
    writer.save({"model": {"w": weight}, "history": history})  # waits for the first
    assert load_checkpoint(tmp_path, "f")[0]["history"][-1]["epoch"] in (0, 1)
    writer.close()
    state, _ = load_checkpoint(tmp_path, "f")
    assert state["model"]["w"].tolist() == [1, 1, 1]
    assert state["history"] == [{"epoch": 0}, {"epoch": 1}]


def test_the_copy_shares_nothing_but_ties():
    weight = torch.arange(3.0)
    copied = host_copy({"a": [weight, {"b": weight}], "c": (1, "x", None)})
    assert copied["a"][0] is copied["a"][1]["b"]
    assert copied["a"][0] is not weight
    assert copied["c"] == (1, "x", None)


def test_a_checkpoint_that_cannot_be_written_is_told_at_the_next_one(tmp_path):
    (tmp_path / "file").write_text("no folder")
    writer = CheckpointWriter(tmp_path / "file" / "run", "f")
    writer.save({"epoch": 1})
    with pytest.raises(OutputsError, match="cannot write"):
        writer.save({"epoch": 2})
    writer.close()


def test_a_run_ends_with_its_last_checkpoint_written(make_trainer, tmp_path):
    make_trainer(3).fit()
    assert load_checkpoint(tmp_path / "run", "f")[0]["epoch"] == 3
    assert not [path for path in (tmp_path / "run").iterdir() if path.suffix == ".tmp"]
