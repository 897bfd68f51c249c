"""Classical classifiers on features that nothing learned, and samplers before them."""

import numpy as np
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skaug._rows import as_table
from skaug.hard_regions.resample import ResampledClassifier
from skaug.hard_regions.sampler import HardRegionSampler
from skaug.signals.spectrum import MagnitudeSpectrum

__all__ = ["CLASSIFIERS", "SAMPLERS", "classical"]


def classical(setup, classifier, sampler=None):
    """Make a classifier on features that nothing learned, oversampled or not."""
    if sampler is not None:
        classifier = ResampledClassifier(sampler, classifier)
    steps = [StandardScaler(), classifier]
    if len(setup.shape) == 2:
        channels = {str(i): [i] for i in range(setup.shape[0])}
        sensors = channels if setup.shape[0] % 3 else None
        steps.insert(0, MagnitudeSpectrum(sensors=sensors, log=True))
    if len(setup.shape) == 3:
        n_components = min(50, setup.n_rows // 2, int(np.prod(setup.shape)))
        steps[:1] = [
            FunctionTransformer(as_table),
            PCA(n_components, random_state=setup.seed),
        ]
    return make_pipeline(*steps)


def logistic(setup, C):
    """Make a logistic regression."""
    return LogisticRegression(C=C, max_iter=2000)


def forest(setup, min_samples_leaf):
    """Make a random forest."""
    return RandomForestClassifier(
        min_samples_leaf=min_samples_leaf, random_state=setup.seed
    )


def twice(y):
    """Sampling strategy: each class twice as often."""
    labels, counts = np.unique(y, return_counts=True)
    return dict(zip(labels.tolist(), (2 * counts).tolist()))


def neighbors(setup):
    """Make skaug's sampler with its defaults, but for the number of rows."""
    return HardRegionSampler(sampling_strategy=twice, random_state=setup.seed)


def hard_regions(setup):
    """Make the sampler with the paper's sources: five rows of each hard one."""
    return HardRegionSampler(
        sources="hard",
        generator="vae",
        sampling_strategy="hard",
        random_state=setup.seed,
    )


def imbalanced(kind):
    """Make a function of a Setup that makes a sampler of imbalanced-learn."""

    def make(setup):
        from imblearn import over_sampling

        # A row is no neighbour of its own.
        return getattr(over_sampling, kind)(
            sampling_strategy=twice,
            k_neighbors=min(5, setup.n_fewest - 1),
            random_state=setup.seed,
        )

    return make


SAMPLERS = {
    "neighbors": (neighbors, None),
    "hard regions": (hard_regions, None),
    "SMOTE": (imbalanced("SMOTE"), "imblearn"),
    "BorderlineSMOTE": (imbalanced("BorderlineSMOTE"), "imblearn"),
}
CLASSIFIERS = {
    "logistic regression": (logistic, (0.01, 0.1, 1.0)),
    "random forest": (forest, (1, 2, 5)),
}
