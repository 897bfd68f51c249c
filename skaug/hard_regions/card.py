"""What samplers tell the model card; ``skaug/card/methods.py`` explains the functions.

The samplers are HardRegionSampler, those of imbalanced-learn, and both within a
ResampledClassifier.
"""

import numpy as np
from sklearn.base import clone

from skaug._table import table
from skaug.hard_regions.counts import rows_added
from skaug.hard_regions.display import HardRegionDisplay, PotentialHistogramDisplay
from skaug.hard_regions.resample import ResampledClassifier
from skaug.hard_regions.sampler import HardRegionSampler

__all__ = ["figures", "plain", "tables"]


def plain(estimator):
    """A sampler is left out, so that its classifier gets the rows as they are."""
    if isinstance(estimator, ResampledClassifier):
        # Within a wrapper, the ResampledClassifier itself is not fitted.
        sampler = getattr(estimator, "sampler_", estimator.sampler)
        held = getattr(estimator, "estimator_", estimator.estimator)
        return held, f"without {type(sampler).__name__}"
    if not hasattr(estimator, "fit_resample"):  # it transforms rows to potentials
        return clone(estimator), ""
    return None, f"without {type(estimator).__name__}"


def tables(part):
    """Rows of each class, before and after the sampler."""
    if isinstance(part.object, ResampledClassifier):
        return []  # its sampler is a part of its own
    if isinstance(part.object, HardRegionSampler):
        return [_of_hard_regions(part.object)]
    return [_of_other_sampler(part.object)]


def figures(part, X, y):
    """Potentials of the training rows, and where in the table they are positive."""
    sampler = part.object
    if not isinstance(sampler, HardRegionSampler):
        return {}
    labels = sampler.classes_[sampler._codes]

    def draw_potentials(figure):
        PotentialHistogramDisplay.from_estimator(sampler, labels, ax=figure.subplots())

    def draw_rows(figure):
        HardRegionDisplay.from_estimator(
            sampler,
            sampler._X,
            labels,
            ax=figure.subplots(),
            scatter_kw={"rasterized": True},
        )

    draws = {"Potentials of the training rows": draw_potentials}
    if sampler._X.shape[1] > 1:
        draws["Hard regions: the training rows, coloured by potential"] = draw_rows
    return draws


def _of_hard_regions(sampler):
    codes = sampler._codes
    n_classes = len(sampler.classes_)
    made = getattr(sampler, "is_synthetic_", np.zeros(0, dtype=bool))
    from_class = np.zeros(0, dtype=int)
    if made.any():
        from_class = codes[sampler.source_index_[made]]
    counts = {
        "rows": codes,
        "hard": codes[sampler.hard_indices_],
        "noisy": codes[sampler.noisy_],
        "new_rows": from_class,
    }
    counts = {k: np.bincount(v, minlength=n_classes) for k, v in counts.items()}
    records = [
        {"class": label, **{name: int(of[i]) for name, of in counts.items()}}
        for i, label in enumerate(sampler.classes_.tolist())
    ]
    note = (
        f"A row is hard if its potential is positive (radius {sampler.radius_:.3g}, "
        f"{sampler.sources_.metric} metric), and noisy if it has no neighbour of its "
        "own class."
    )
    return table("Hard regions: training rows, and rows made", records, note)


def _of_other_sampler(sampler):
    name = type(sampler).__name__
    made = rows_added(sampler)
    if made is None:
        note = "The sampler keeps no counts of the rows that it added or took away."
        return table(f"{name}: rows resampled", [], note)
    records = [{"class": label, "new_rows": n} for label, n in made.items()]
    return table(f"{name}: rows made", records)
