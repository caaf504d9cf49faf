"""Rotary positions in float64.

transformers computes their tables in float32 whatever the model's type, and the last bit of a float32 power, sine or cosine
depends on the processor: between AVX2 and AVX-512 logits were 1.8e-6 apart. With recorded frequencies and tables in float64
a golden value is the same on every machine.
"""

import math

import torch

# One unit in the last place is at most 1.2e-7.
FREQUENCY_TOLERANCE = 1e-6
# An angle below 128 radians is off by up to 4e-6 in float32, and its frequency's last bit counts 128 times.
TABLE_TOLERANCE = 2e-5


class DoubleRotary(torch.nn.Module):
    """Stands in for a family's rotary module; `frequencies` (half a head) are radians per position."""

    def __init__(self, frequencies, scaling):
        super().__init__()
        self.frequencies = torch.tensor(frequencies, dtype=torch.float64)
        self.scaling = scaling

    def forward(self, x, position_ids):
        """Cosines and sines of shape [batch, position, head], each half of a head alike."""
        angles = position_ids[..., None].double() * self.frequencies
        angles = torch.cat((angles, angles), dim=-1)
        return angles.cos() * self.scaling, angles.sin() * self.scaling


def has_rotary(model):
    return hasattr(model.model, "rotary_emb") if hasattr(model, "model") else False


def frequencies_of(model):
    """What transformers computes from the configuration."""
    return model.model.rotary_emb.inv_freq.tolist()


def in_double(model, frequencies):
    """Gives the model tables in float64. Only for sequences within the original context: longer ones may have others."""
    model.model.rotary_emb = DoubleRotary(frequencies, model.model.rotary_emb.attention_scaling)


def check_rotary(checks, name, model, frequencies, positions):
    """The recorded frequencies and the tables made of them are those of transformers, but for the rounding of float32."""
    own = frequencies_of(model)
    same = len(own) == len(frequencies) and all(
        math.isclose(a, b, rel_tol=FREQUENCY_TOLERANCE) for a, b in zip(own, frequencies, strict=True)
    )
    checks.that(f"{name}: recorded rotary frequencies are those of transformers", same)
    position_ids = torch.arange(positions)[None]
    x = torch.zeros((), dtype=torch.float64)
    rotary = model.model.rotary_emb
    theirs = rotary(x, position_ids)
    ours = DoubleRotary(frequencies, rotary.attention_scaling)(x, position_ids)
    difference = max((a - b).abs().max().item() for a, b in zip(theirs, ours, strict=True))
    checks.that(
        f"{name}: rotary tables are those of transformers",
        difference < TABLE_TOLERANCE,
        f"largest difference {difference:.1e}",
    )
