"""What ISDALogisticRegression tells the model card, see ``skaug/card/methods.py``."""

from sklearn.base import clone

from skaug._table import table

__all__ = ["figures", "plain", "tables"]


def plain(model):
    """Logistic regression: the same model with strength 0."""
    twin = clone(model)
    if model.strength == 0:
        return twin, ""
    return twin.set_params(strength=0), f"strength=0 in place of {model.strength}"


def tables(part):
    """Strength, penalty and temperature."""
    model = part.object
    title = "ISDA: logistic regression on features that vary"
    if not model.strength_:
        return [table(title, [], "Strength 0: nothing was augmented.")]
    kind = model.covariance if isinstance(model.covariance, str) else "given"
    used = {"strength": model.strength_, "C": model.C_}
    record = {**used, "temperature": model.temperature_, "covariance": kind}
    note = (
        f"Features of {model.n_features_in_} columns move by the covariance {kind!r}."
    )
    return [table(title, [record], note)]


def figures(part, X, y):
    """ISDA has no figure of its own."""
    return {}
