"""What all looks at trained networks ask first."""

from sklearn.utils.validation import check_is_fitted
from skorch import NeuralNet

__all__ = ["check_net"]


def check_net(net, name, *, fitted=True):
    """Refuse what is no net of skorch, or is not fitted."""
    if not isinstance(net, NeuralNet):
        raise TypeError(
            f"{name} needs a net of skorch; got a {type(net).__name__}. Give the net "
            "of a pipeline, with rows as its steps make them."
        )
    if fitted:
        check_is_fitted(net, "module_")
