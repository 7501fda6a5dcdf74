"""Prepared folders for tests that damage them: a manifest edited with a true digest, and accidents of their files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from mmlib.seal import DIGEST, sealed


def edit_manifest(folder: Path, change) -> None:
    """Change the manifest and seal it again, as if it had been written so; one without a digest stays without."""
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    had = manifest.pop(DIGEST, None) is not None
    change(manifest)
    path.write_text(json.dumps(sealed(manifest) if had else manifest))


def unseal(folder: Path) -> None:
    """Make a folder one that was prepared before manifests had digests."""
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    path.write_text(json.dumps({name: value for name, value in manifest.items() if name not in (DIGEST, "blocks")}))


def zero_half(folder: Path, name: str) -> None:
    """Zero the second half of an array's file, in place."""
    path = folder / f"{name}.npy"
    size = path.stat().st_size
    with open(path, "r+b") as stream:
        stream.seek(size // 2)
        stream.write(bytes(size - size // 2))


def flip_bit(folder: Path, name: str, place: int = -5) -> None:
    content = bytearray((folder / f"{name}.npy").read_bytes())
    content[place] ^= 4
    (folder / f"{name}.npy").write_bytes(content)


def turn_order(folder: Path, name: str) -> None:
    """Let the header say that columns come first."""
    path = folder / f"{name}.npy"
    content = path.read_bytes()
    assert content.count(b"'fortran_order': False") == 1
    path.write_bytes(content.replace(b"'fortran_order': False", b"'fortran_order': True "))


def swap_labels(folder: Path, name: str = "") -> None:
    """Exchange the labels of two rows of the same split."""
    path = folder / "index.csv"
    header, *rows = (line.split(",") for line in path.read_text().splitlines())
    label, split = header.index("label"), header.index("split")
    other = next(row for row in rows if row[label] != rows[0][label] and row[split] == rows[0][split])
    rows[0][label], other[label] = other[label], rows[0][label]
    path.write_text("\n".join(",".join(row) for row in [header, *rows]) + "\n")


def shuffle_rows(folder: Path, name: str = "") -> None:
    """The same rows in another order: each label then belongs to other arrays."""
    path = folder / "index.csv"
    header, *rows = path.read_text().splitlines()
    order = np.random.default_rng(0).permutation(len(rows))
    path.write_text("\n".join([header, *(rows[place] for place in order)]) + "\n")


ACCIDENTS = {
    "half of an array zeroed": zero_half,
    "one bit of an array turned": flip_bit,
    "an array's order turned": turn_order,
    "two labels swapped": swap_labels,
    "rows of the index shuffled": shuffle_rows,
}
