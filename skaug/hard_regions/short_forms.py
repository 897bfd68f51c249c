"""Names of generators, which stand for objects with their defaults."""

from skaug.hard_regions.generators import GaussianGenerator, NoiseGenerator
from skaug.hard_regions.latent_generators import CVAEGenerator, VAEGenerator
from skaug.hard_regions.neighbor_generators import (
    InterpolationGenerator,
    NeighborGenerator,
)

__all__ = ["GENERATORS"]

GENERATORS = {
    "neighbors": NeighborGenerator(),
    "interpolation": InterpolationGenerator(),
    "gaussian": GaussianGenerator(),
    "noise": NoiseGenerator(),
    "vae": VAEGenerator(),
    "cvae": CVAEGenerator(),
}
