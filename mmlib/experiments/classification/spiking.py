"""What an evaluation of our SNN leaves in the record: firing rates, and operations beside those of the ANN.

Published code does (IEMF): count nothing, and never spike. We do: `mmlib.models.operations`, on every evaluated split.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from torch import nn

from mmlib.models.operations import Activity, layer_names

TOTALS = ("synaptic_operations", "input_macs", "macs")


def spiking_metric_names(modalities: Iterable[str]) -> tuple[str, ...]:
    """What the record of a spiking network holds beside the usual metrics."""
    return (*(f"firing_rate_{modality}" for modality in sorted(modalities)), *TOTALS)


def spiking_metrics(activities: Mapping[str, Activity]) -> dict[str, float]:
    """`firing_rate_<modality>`, over all neurons of an encoder; of all encoders together, per sample:
    `synaptic_operations`, `input_macs` of the first convolutions, and `macs` of the ANN.
    """
    found = {f"firing_rate_{modality}": one.rate for modality, one in sorted(activities.items())}
    return found | {
        "synaptic_operations": float(sum(one.operations[1:].sum() for one in activities.values())),
        "input_macs": float(sum(one.operations[0] for one in activities.values())),
        "macs": float(sum(one.macs.sum() for one in activities.values())),
    }


def spiking_arrays(activities: Mapping[str, Activity]) -> dict[str, np.ndarray]:
    """By layer: `firing_rate_<modality>` (neuron layers,), `operations_` and `macs_<modality>` (convolutions,)."""
    arrays = {}
    for modality, one in activities.items():
        arrays[f"firing_rate_{modality}"] = one.rates
        arrays[f"operations_{modality}"] = one.operations
        arrays[f"macs_{modality}"] = one.macs
    return arrays


def spiking_layer_names(encoders: Mapping[str, nn.Module]) -> dict[str, np.ndarray]:
    """Names of the layers of those arrays: `neurons_<modality>` and `convolutions_<modality>`."""
    arrays = {}
    for modality, encoder in encoders.items():
        neurons, convolutions = layer_names(encoder)
        arrays |= {f"neurons_{modality}": np.array(neurons), f"convolutions_{modality}": np.array(convolutions)}
    return arrays
