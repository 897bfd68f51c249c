"""Whether another classifier than a network loses by views beside its rows.

A network that gains from views says little about a classifier of another kind: a linear
one cannot tell a turned digit from another. Without knowing what comes after a sampler,
the guard asks a logistic regression.
"""

import numpy as np
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skaug._paired import log_losses
from skaug._random import everything_kept
from skaug._rows import as_table

__all__ = ["default_reader", "losses_of_reader"]


def default_reader():
    """A logistic regression on rows of any shape."""
    return make_pipeline(
        FunctionTransformer(as_table),
        StandardScaler(),
        LogisticRegression(max_iter=1000),
    )


def losses_of_reader(reader, train, held_out, seed):
    """Losses (n_held_out,) of a clone trained on rows; errors without probabilities."""
    reader = clone(reader)
    if "random_state" in reader.get_params():
        reader.set_params(random_state=seed)
    try:
        return _losses(reader, train, held_out)
    except Exception as error:
        text = str(error).strip().rstrip(".")
        raise ValueError(
            "InfluenceAugmenter needs guard to be a classifier that takes rows as they "
            f"come out of fit_resample; got {type(error).__name__} from "
            f"{type(reader).__name__}: {text}. Give the classifier that comes after, "
            "with the steps before it, or guard=True."
        ) from error


def _losses(reader, train, held_out):
    with everything_kept():
        reader.fit(*train)
        if not hasattr(reader, "predict_proba"):
            return (reader.predict(held_out.X) != held_out.y).astype(float)
        proba = reader.predict_proba(held_out.X)
    codes = np.searchsorted(reader.classes_, held_out.y)
    return log_losses(proba[np.arange(len(codes)), codes])
