"""What influence says of rows, however many layers it looks through."""

import torch

from skaug.influence.nets import clipped, warn_of_few

__all__ = ["RowInfluence"]


class RowInfluence:
    """Mixin for objects that know the derivative of a row's loss along a direction.

    They have ``_n()``, the number of training rows, ``_direction_and_loss(X_val,
    y_val)``, ``_of_training_rows(direction, rows)`` and ``_of_rows(X, y, direction)``.
    """

    def predicted_loss_change(self, X_val, y_val):
        """Change of the mean validation loss when a training row is removed.

        Parameters
        ----------
        X_val, y_val : array-like
            Validation rows and labels.

        Returns
        -------
        change : ndarray of shape (n_train,)
            Nats per validation row. Positive: the row helps.

        Warns
        -----
        UserWarning
            If first order predicts that the loss falls below 0; such changes are
            clipped. If there are fewer than 100 validation rows, whose mean gradient
            says little about new rows.
        """
        warn_of_few(y_val, type(self).__name__)
        direction, loss = self._direction_and_loss(X_val, y_val)
        change = self._of_training_rows(direction) / self._n()
        return clipped(change.cpu().numpy(), loss, type(self).__name__)

    def validation_direction(self, X_val, y_val):
        """Inverse Hessian times the gradient of the mean validation loss.

        Parameters
        ----------
        X_val, y_val : array-like
            Validation rows and labels.

        Returns
        -------
        direction : torch.Tensor
            The paper's s_val, of the shape of the weights. A step against this
            direction lowers the validation loss.

        Warns
        -----
        UserWarning
            If there are fewer than 100 validation rows.
        """
        warn_of_few(y_val, type(self).__name__)
        return self._direction_and_loss(X_val, y_val)[0]

    def of_replacement(self, X_new, y, direction, rows=None):
        """Change of the mean validation loss when rows are replaced by other ones.

        Parameters
        ----------
        X_new : array-like or torch.Tensor of shape (m, ...)
            Rows in place of training rows, such as augmented copies. If this is a
            tensor that requires a gradient, the result has one.
        y : array-like of shape (m,)
            Labels.
        direction : torch.Tensor
            Of :meth:`validation_direction`.
        rows : array-like of shape (m,), default=None
            Numbers of the training rows that are replaced; all in order by default.

        Returns
        -------
        change : torch.Tensor of shape (m,)
            Nats per validation row, for each replacement alone; those of several add
            up. Negative: the copy is better for validation than the row.
        """
        new = self._of_rows(X_new, y, direction)
        rows = slice(None) if rows is None else torch.as_tensor(rows)
        return (self._of_training_rows(direction, rows) - new) / self._n()
