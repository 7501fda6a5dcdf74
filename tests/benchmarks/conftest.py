"""Benchmarks measure; they are no part of a normal test run, where a busy machine would make them fail.

    pytest tests/benchmarks --benchmark-only

on an idle machine (OMP_NUM_THREADS says with how many threads; 1 unless set). Each prints what it measured beside the
bar it is held to, and keeps both in the benchmark's `extra_info` (`--benchmark-json FILE` writes it down).
"""

from __future__ import annotations

import os
import pkgutil
import statistics
from collections.abc import Callable
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if HERE not in item.path.parents:
            continue
        item.add_marker(pytest.mark.timeout(3600))
        if not config.getoption("benchmark_only"):
            item.add_marker(
                pytest.mark.skip(reason="a benchmark; run it with: pytest tests/benchmarks --benchmark-only")
            )


@pytest.fixture
def hold(benchmark, capsys):
    """`hold(name, value, bar, **more)`: print and keep a measurement, then assert that it does not pass its bar."""

    def hold(name: str, value: float, bar: float | None, **more: float | str) -> None:
        benchmark.extra_info |= {name: round(value, 4), "bar": bar}
        benchmark.extra_info |= {key: round(x, 4) if isinstance(x, float) else x for key, x in more.items()}
        shown = "; ".join(f"{key} {x:.4g}" if isinstance(x, float) else f"{key} {x}" for key, x in more.items())
        with capsys.disabled():
            print(f"\n{benchmark.name}: {name} {value:.4g} (bar {bar if bar is not None else 'none'})  {shown}")
        assert bar is None or value <= bar, f"{name} is {value:.4g}, and may be {bar} at most"

    return hold


@pytest.fixture
def alternate(request, benchmark, hold):
    """`alternate(name, plain, ours, bar, rounds=9, steps=1, **more)`: both in turn, then hold the median of the ratios.

    `plain` is timed here and `ours` by the benchmark, so that a slow spell of the machine hits both. `steps`: how many
    of what is compared a call makes. `MMLIB_BENCHMARK_ROUNDS` changes how many rounds there are. On a busy machine
    `--benchmark-timer=time.process_time` counts what a process itself took.
    """
    clock = pkgutil.resolve_name(request.config.getoption("benchmark_timer"))

    def alternate(
        name: str,
        plain: Callable,
        ours: Callable,
        bar: float | None,
        *,
        rounds: int,
        steps: int = 1,
        **more: float | str,
    ) -> None:
        import torch

        rounds = int(os.environ.get("MMLIB_BENCHMARK_ROUNDS", rounds))
        plain(), ours()  # warm up
        times: list[float] = []

        def time_plain() -> None:
            began = clock()
            plain()
            times.append(clock() - began)

        benchmark.pedantic(ours, setup=time_plain, rounds=rounds, iterations=1)
        found = benchmark.stats.stats.data
        ratios = [x / y for x, y in zip(found, times, strict=True)]
        ratio = statistics.median(ratios)
        quarter, _, three_quarters = statistics.quantiles(ratios, n=4) if len(ratios) > 1 else (ratio,) * 3
        facts = {"quarter": quarter, "three_quarters": three_quarters, "ratio_of_fastest": min(found) / min(times)}
        facts["plain_ms"] = statistics.median(times) / steps * 1e3
        hold(name, ratio, bar, **facts, threads=torch.get_num_threads(), **more)

    return alternate
