"""Loaders of a run: how many processes, and what they leave to the device."""

from __future__ import annotations

import os
from types import SimpleNamespace

import pytest
import torch

from mmlib.experiments import loaders
from mmlib.experiments.classification import Parameters
from mmlib.experiments.loaders import MOST_WORKERS, computed_on_device, loader_workers
from mmlib.training import Group

CPU, GPU = torch.device("cpu"), torch.device("cuda", 0)


def test_processes_follow_the_device_unless_they_are_said(monkeypatch):
    auto = Parameters()
    monkeypatch.setattr(loaders, "ROOM", 0)
    assert loader_workers(auto, CPU, Group()) == 0, "a CPU that trains has no core to spare"
    for cores, expected in ((1, 0), (2, 1), (16, MOST_WORKERS)):
        monkeypatch.setattr(os, "sched_getaffinity", lambda process, n=cores: set(range(n)), raising=False)
        assert loader_workers(auto, GPU, Group()) == expected
    assert loader_workers(auto, GPU, Group(rank=0, size=4)) == 3, "each training process has its share of 16 cores"
    monkeypatch.setattr(loaders, "ROOM", 1 << 60)
    assert loader_workers(auto, GPU, Group()) == MOST_WORKERS, "batches come in slots, whatever room /dev/shm has"
    monkeypatch.setattr(loaders, "inherited", lambda: False)
    assert loader_workers(auto, GPU, Group()) == 0, "no batch would fit into shared memory"
    for said in (0, 5):
        for device in (CPU, GPU):
            assert loader_workers(Parameters(loader_workers=said), device, Group()) == said


@pytest.mark.parametrize(("resize", "later"), [("exact", False), ("fast", False), ("device", True)])
def test_the_recipe_says_where_pictures_are_computed(resize, later):
    parameters = Parameters(dataset="cremad", resize=resize)
    assert computed_on_device(parameters) == later
    assert ("resize" in parameters.identity()) == (resize != "exact"), "it stands in the record"


def test_experiments_without_media_compute_nothing_later():
    assert not computed_on_device(SimpleNamespace())
