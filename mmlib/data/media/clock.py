"""One clock for the sound and the pictures of a clip: seconds since its container begins, by time stamps.

Published code does: write the sound to a wav file (`ffmpeg`, or `librosa.load`) and count samples from its first one.
A recording whose sound starts late, as cutting without decoding leaves it, or that lost a part on its way, is then
heard too early from there on, while its pictures stay where they are.
We do: silence stands where no sound is, before the first sample and in gaps. What lies within `TOLERANCE` of its place
is left as it is: encoders' delays, time stamps in milliseconds and packets of several frames differ by so much, and
ordinary clips keep every sample. Where silence is put, the sound after it is exact to a sample. Sound and pictures in
two files, as CREMA-D publishes them, begin together: nothing in them says otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

TOLERANCE = 0.05  # s: a picture at 20 frames per second
LONGEST_GAP = 600.0  # s; time stamps that jump further are no gap but begin anew


@dataclass
class Placement:
    """What the time stamps of a sound say: `late_s` seconds before its first sample, `gaps` and `gap_s` in all of them.

    `jumps`: how often time stamps went back, or on by more than `LONGEST_GAP`; the sound goes on without silence there.
    """

    late_s: float = 0.0
    gaps: int = 0
    gap_s: float = 0.0
    jumps: int = 0

    def columns(self) -> dict[str, float | int]:
        """What is noted of a clip; nothing for an ordinary one."""
        found = {"sound_late_s": self.late_s, "sound_gaps": self.gaps, "sound_gap_s": self.gap_s}
        found["sound_jumps"] = self.jumps
        return {name: round(value, 6) for name, value in found.items() if value}


class Clock:
    """Places decoded frames of sound at `rate` Hz; `placement` counts what it found."""

    def __init__(self, rate: int) -> None:
        self.rate, self.placement = rate, Placement()
        self._placed = 0  # samples so far, silence included
        self._anchor: float | None = None  # where, by the time stamps, sound goes on without a gap from `_since` on
        self._since = 0
        self._shift = 0.0  # s, of time stamps that began anew

    def place(self, time: float | None, samples: int) -> int | None:
        """The sample at which a frame begins, where silence comes before it; None where it follows directly.

        Args:
            time: of its first sample, s since the container begins; None where a file has no time stamps.
        """
        start = None if time is None or not samples else self._start(time)
        if start is not None:
            self._placed = start
        self._placed += samples
        return start

    def _start(self, time: float) -> int | None:
        if self._anchor is None:
            if time > LONGEST_GAP:
                self._shift, self.placement.jumps = self._placed / self.rate - time, 1
            self._anchor, self._since = time + self._shift, self._placed
            if self._placed or self._anchor <= TOLERANCE:
                return None
            self.placement.late_s, self._since = time, round(time * self.rate)
            return self._since
        expected = self._anchor + (self._placed - self._since) / self.rate
        ahead = time + self._shift - expected
        if abs(ahead) <= TOLERANCE:
            return None
        if not 0 < ahead <= LONGEST_GAP:
            self._shift -= ahead
            self.placement.jumps += 1
            return None
        place = max(self._placed, round((time + self._shift) * self.rate))
        self.placement.gaps += 1
        self.placement.gap_s += (place - self._placed) / self.rate
        self._anchor, self._since = time + self._shift, place
        return place


def noted(columns: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """What the manifest says of the clips whose sound was placed, by their ids; empty where all are ordinary.

    Args:
        columns: what was noted of each clip, by its id.
    """
    named = {
        "late_s": {clip: found["sound_late_s"] for clip, found in columns.items() if "sound_late_s" in found},
        "gaps": {clip: found["sound_gaps"] for clip, found in columns.items() if "sound_gaps" in found},
        "gap_s": {clip: found["sound_gap_s"] for clip, found in columns.items() if "sound_gaps" in found},
        "jumps": {clip: found["sound_jumps"] for clip, found in columns.items() if "sound_jumps" in found},
    }
    return {name: clips for name, clips in named.items() if clips}


def lines(source: dict[str, Any]) -> list[str]:
    """What a manifest's source says of the clock, a sentence each."""
    found = source.get("sound_clock", {})
    said = {
        "late_s": "clips have sound that starts late: silence stands before it",
        "gaps": "clips have gaps in their sound: silence stands there",
        "jumps": "clips have time stamps that jump: their sound goes on there without silence",
    }
    return [
        f"{len(found[name]):,} {text} (source.sound_clock), such as {next(iter(found[name]))}"
        for name, text in said.items()
        if found.get(name)
    ]
