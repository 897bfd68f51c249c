"""What a network returns: logits, probabilities or logarithms of probabilities.

Cross-entropy takes the softmax of what it gets, and skorch the logarithm of what goes
into an ``NLLLoss``. With a network that returns something else, training goes through
two softmaxes, or through the logarithm of negative numbers. The outputs of two rows
tell: probabilities sum to 1, and so do the exponentials of their logarithms, which
logits never do by chance.
"""

import inspect
import re
import warnings

import numpy as np
import torch
from skorch.utils import is_dataset
from torch import nn

from skaug._random import own_generators
from skaug.net.finite import check_trained, unfitted_if_refused

__all__ = ["GivesProbabilities", "argument_for_outputs", "check_kind", "kind_of"]

LOGITS, PROBABILITIES, LOGARITHMS = "logits", "probabilities", "log-probabilities"

# Names of arguments that a module may have for its number of outputs.
COUNTS = re.compile(
    r"(n|num|nb|number_of)_?(class|classes|outputs?|out|labels|targets|categories)"
    r"|(out|output)_?(dims?|features|size|units|channels)"
    r"|(d|dim|size)_out(put)?"
)


def kind_of(outputs):
    """Tell "logits", "probabilities" and "log-probabilities" (n, n_classes) apart."""
    if not outputs.numel():
        return LOGITS
    tolerance = max(1e-5, 4 * torch.finfo(outputs.dtype).eps)
    for kind, values in (
        (PROBABILITIES, outputs.double()),
        (LOGARITHMS, outputs.double().exp()),
    ):
        gaps = (values.sum(dim=1) - 1).abs()
        # Written so that NaN does not pass.
        if (gaps <= tolerance).all() and (values >= 0).all():
            # A last layer may start as the logarithms of the shares of the classes.
            is_start = kind == LOGARITHMS and (outputs == outputs[:1]).all()
            return LOGITS if is_start else kind
    return LOGITS


def check_kind(kind, criterion, name):
    """Refuse outputs that the loss would take for something else."""
    if isinstance(criterion, nn.CrossEntropyLoss) and kind == PROBABILITIES:
        raise ValueError(
            f"{name} needs logits from the module for {type(criterion).__name__}, "
            "which takes a softmax itself; got probabilities, so that training would "
            "go through two softmaxes. Leave the module's softmax out, or set "
            "criterion=torch.nn.NLLLoss."
        )
    if isinstance(criterion, (nn.BCELoss, nn.BCEWithLogitsLoss)):
        raise ValueError(
            f"{name} needs a loss that takes class codes; got "
            f"{type(criterion).__name__}. Set criterion=torch.nn.CrossEntropyLoss, "
            "with one output per class also for two."
        )
    if isinstance(criterion, nn.CrossEntropyLoss) and kind == LOGARITHMS:
        # They are their own log-softmax.
        warnings.warn(
            f"{name} needs no log-softmax at the end of the module for "
            f"{type(criterion).__name__}, which takes one itself; got "
            "log-probabilities. Leave it out: the second changes nothing.",
            stacklevel=2,
        )
    if isinstance(criterion, nn.NLLLoss) and kind != PROBABILITIES:
        raise ValueError(
            f"{name} needs probabilities from the module for NLLLoss, since skorch "
            f"takes their logarithm; got {kind}. Set criterion="
            "torch.nn.CrossEntropyLoss, or let the module end in a softmax."
        )


def argument_for_outputs(module, built):
    """Name of the argument for the number of outputs, of a class or callable."""
    # Functions such as torchvision's hand their keyword arguments on to a class.
    is_given = module is None or isinstance(module, nn.Module)
    for function in [type(built)] if is_given else [module, type(built)]:
        parameters = inspect.signature(function).parameters
        for argument in parameters:
            if COUNTS.fullmatch(argument):
                return argument
        if all(one.kind is not one.VAR_KEYWORD for one in parameters.values()):
            return None
    return None


class GivesProbabilities:
    """What :class:`NetClassifier` does to the outputs of its network."""

    def _check_module(self, X, fit_params):
        """Refuse a network whose outputs for two real rows do not suit."""
        passed = False
        try:
            self._check_outputs(self._outputs_of_two(X, fit_params))
            passed = True
        finally:
            if not passed:
                self.initialized_ = False  # The next call must check again.

    def _check_trained(self, X, fit_params):
        """Refuse to return a network whose weights or outputs are not finite."""
        with unfitted_if_refused(self):
            # Ctrl-C or a callback may have ended an epoch before its end.
            check_trained(self, self._split[0])
            with own_generators(self.device or "cpu"):
                outputs = self._outputs_of_two(X, fit_params)
            if outputs.isnan().any():
                raise ValueError(
                    f"{type(self).__name__} needs a network that returns numbers; got "
                    "NaN for rows of the training, whose weights are finite but too "
                    "large to compute with. Lower lr, or scale the rows."
                )
            self.outputs_ = kind_of(outputs)

    def _outputs_of_two(self, X, fit_params):
        """Compute the outputs of the first two rows, as in prediction."""
        if is_dataset(X):
            first = range(min(2, len(X)))
            rows = torch.stack([torch.as_tensor(X[i][0]) for i in first])
        else:
            rows = torch.tensor(X[:2].copy())
        forward_params = {k: v for k, v in fit_params.items() if k != "epochs"}
        self._set_training(False)
        with torch.no_grad():
            outputs = self._logits_of(rows, **forward_params)
        outputs = outputs[0] if isinstance(outputs, tuple) else outputs
        if not isinstance(outputs, torch.Tensor):
            raise ValueError(
                f"{type(self).__name__} needs a module that returns a tensor; got a "
                f"{type(outputs).__name__}. Return the logits alone."
            )
        return outputs

    def _logits_of(self, rows, **forward_params):
        """Compute outputs of the rows that the check of the module runs on."""
        return self.infer(rows, **forward_params)

    def _check_outputs(self, outputs):
        """Refuse outputs that suit neither classes nor loss, and keep their kind."""
        expected = len(outputs), len(self.classes_)
        if outputs.shape != expected:
            self._refuse_shape(outputs.shape, expected)
        kind = kind_of(outputs)
        # A get_loss of the user's may treat outputs in its own way.
        if type(self).get_loss.__module__.partition(".")[0] == "skaug":
            check_kind(kind, self._plain_criterion(), type(self).__name__)
        self.outputs_ = kind

    def _refuse_shape(self, shape, expected):
        """Say which argument of the module sets the number of outputs."""
        built = getattr(self.module_, "_orig_mod", self.module_)
        argument = argument_for_outputs(self.module, built)
        advice = "Set the module's number of outputs"
        if argument is not None and isinstance(self.module, nn.Module):
            advice = f"Make the module with {argument}={expected[1]}"
        elif argument is not None:
            advice = f"Set module__{argument}={expected[1]}"
        raise ValueError(
            f"{type(self).__name__} needs a module with one output per class, of shape "
            f"{expected} for {expected[0]} rows; got {tuple(shape)}. {advice}, or name "
            "all classes with classes=."
        )

    def _plain_criterion(self):
        """Return the loss, also if it is compiled."""
        return getattr(self.criterion_, "_orig_mod", self.criterion_)

    def _initialize_criterion(self, *args, **kwargs):
        # A new loss comes with a new network, whose outputs have to be checked.
        vars(self).pop("outputs_", None)
        return super()._initialize_criterion(*args, **kwargs)

    def predict_proba(self, X):
        """Predict probabilities.

        Parameters
        ----------
        X : array-like of shape (n, ...)
            Rows, signals or images shaped like those of ``fit``.

        Returns
        -------
        proba : ndarray of shape (n, n_classes)
            In the order of ``classes_``. With ``predict_nonlinearity="auto"``, the
            default, it is the softmax of what the network returns, whatever the loss
            is, unless the network returns probabilities.

        Raises
        ------
        ValueError
            If there is NaN in a row of what the network returns.
        """
        proba = super().predict_proba(X)
        if np.isnan(proba.sum()):
            row = np.isnan(proba.reshape(len(proba), -1)).any(axis=1).argmax()
            raise ValueError(
                f"{type(self).__name__} needs outputs that are numbers to make "
                f"probabilities of; got NaN for row {row}. Look for extreme values in "
                "the row, and for weights that are not finite."
            )
        return proba

    def _get_predict_nonlinearity(self):
        function = super()._get_predict_nonlinearity()
        if self.predict_nonlinearity != "auto":
            return function
        return _ToProbabilities(getattr(self, "outputs_", None))


class _ToProbabilities:
    """Turns outputs of a kind into probabilities; the first batch tells a None."""

    def __init__(self, kind):
        self.kind = kind

    def __call__(self, outputs):
        if self.kind is None:  # The network was loaded from files, without a check.
            self.kind = kind_of(outputs)
        if outputs.dtype in (torch.bfloat16, torch.float16):
            outputs = outputs.float()  # NumPy has no bfloat16
        # The softmax of logarithms of probabilities is these probabilities.
        return outputs if self.kind == PROBABILITIES else outputs.softmax(dim=-1)
