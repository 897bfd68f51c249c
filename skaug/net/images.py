"""Images as people have them, arrays or files, each of which is read when used."""

import os
from pathlib import Path

import numpy as np
import torch

from skaug.net.batches import as_tensor
from skaug.transforms.ranges import is_within, range_of

__all__ = ["Images"]


class Images:
    """Images of any size as tensors (channels, height, width).

    Parameters
    ----------
    X : array-like or sequence
        Arrays (n, height, width), (n, height, width, channels) or (n, channels, height,
        width), or a list of single ones, of images of PIL, or of paths.
    n_channels : int
        Channels that are needed. Grey images are repeated.
    owner : str
        Who needs the images, for messages.
    is_scaled : bool, default=True
        Whether numbers become those from 0 to 1. Otherwise they stay as they are.
    largest : float, default=None
        End of the range of float images, 1 or 255; the default looks at all of X.

    Attributes
    ----------
    largest : float or None
        End of the range of float images. None if there are none.
    """

    def __init__(self, X, *, n_channels, owner, is_scaled=True, largest=None):
        self.n_channels, self.owner, self.is_scaled = n_channels, owner, is_scaled
        self._items, self.largest = self._opened(X), largest
        if is_scaled and largest is None:
            self.largest = self._range_of_floats()

    def __len__(self):
        return len(self._items)

    def read(self, indices):
        """List the images of these numbers as float32 tensors."""
        return [self._tensor(i) for i in indices]

    def content(self, i):
        """Bytes that tell an image from others; those of a file are not decoded."""
        if isinstance(self._items[i], (str, os.PathLike)):
            return Path(self._items[i]).read_bytes()
        return content_of(self._tensor(i))

    def _opened(self, X):
        """Return X as an array of numbers, or as a list of single images."""
        X = X.detach().cpu() if isinstance(X, torch.Tensor) else X
        X = X.to_numpy() if hasattr(X, "to_numpy") else X
        X = X.numpy() if isinstance(X, torch.Tensor) else X
        if isinstance(X, np.ndarray) and X.dtype.kind in "biuf":
            if X.ndim not in (3, 4) or 0 in X.shape:
                raise self._refusal(_kind_of(X))
            return X
        if isinstance(X, np.ndarray) and X.ndim == 1:
            X = X.tolist()
        if not isinstance(X, (list, tuple)) or not len(X):
            raise self._refusal(repr(X) if isinstance(X, str) else _kind_of(X))
        missing = [path for path in X if _is_path(path) and not os.path.isfile(path)]
        if missing:
            raise FileNotFoundError(
                f"{self.owner} needs files that exist; got {len(missing)} of {len(X)} "
                f"that do not, first {str(missing[0])!r}. Look at the folder."
            )
        return X

    def _refusal(self, got, i=None):
        """Make the error for what are no images, or for image number i."""
        got = got if i is None else f"{got} as image {i}"
        return ValueError(
            f"{self.owner} needs images of shape (n, height, width), (n, height, width,"
            f" {self.n_channels}) or (n, {self.n_channels}, height, width), or a list "
            f"of images or of paths; got {got}. Reshape X, or read it first."
        )

    def _range_of_floats(self):
        """Return the end of the range of all float images, 1 or 255, or None."""
        if isinstance(self._items, np.ndarray):
            floats = [self._items] if self._items.dtype.kind in "bf" else []
        else:
            arrays = (self._array(i) for i, x in enumerate(self._items) if _is_array(x))
            floats = [array for array in arrays if array.dtype.kind in "bf"]
        if not floats:
            return None
        ends = np.array([[array.min(), array.max()] for array in floats], np.float64)
        largest = range_of(ends)
        if largest is None:
            raise self._wrong_range(ends)
        return largest

    def _wrong_range(self, numbers):
        """Make the error for numbers that are no brightness."""
        if not np.isfinite(numbers).all():
            return ValueError(
                f"{self.owner} needs images without gaps; got NaN or "
                "infinity. Fill these pixels, or leave such images out."
            )
        allowed = "1, or from 0 to 255" if self.largest is None else f"{self.largest:g}"
        return ValueError(
            f"{self.owner} needs images with numbers from 0 to {allowed}; got "
            f"{numbers.min():g} to {numbers.max():g}. Divide X by the largest number "
            "that an image may have, and clip it."
        )

    def _array(self, i):
        """Return one image as an array of numbers."""
        item = self._items[i]
        if _is_path(item):
            return self._from_file(item)
        # Images of PIL may have a palette or transparency.
        item = item.convert(self._mode) if hasattr(item, "convert") else item
        array = np.asarray(item)
        if array.dtype.kind not in "biuf" or array.ndim not in (2, 3) or not array.size:
            raise self._refusal(_kind_of(item), i)
        return array

    @property
    def _mode(self):
        return "L" if self.n_channels == 1 else "RGB"

    def _from_file(self, path):
        """Read a file, turned upright if the camera says how."""
        from PIL import Image, ImageOps

        try:
            with Image.open(path) as image:
                return np.asarray(ImageOps.exif_transpose(image).convert(self._mode))
        except (OSError, ValueError, SyntaxError) as error:
            raise ValueError(
                f"{self.owner} needs files of images that PIL can read; got "
                f"{type(error).__name__} from {str(path)!r}. Leave it out, or save it "
                "again."
            ) from error

    def _tensor(self, i):
        """Return one image as a tensor (n_channels, height, width)."""
        array = self._array(i)
        is_whole = array.dtype.kind in "iu"
        image = as_tensor(array.astype(np.float32, copy=False))
        image = self._with_channels(image)
        if not self.is_scaled:
            if not image.isfinite().all():
                raise self._wrong_range(image.numpy())
            return image
        largest = 255.0 if is_whole else self.largest
        # Bytes cannot be out of range.
        if array.dtype != np.uint8 and not is_within(image, largest):
            raise self._wrong_range(image.numpy())
        return image / largest

    def _with_channels(self, image):
        """Put channels first; a grey image gets as many as are needed."""
        allowed = (1, 3, self.n_channels)
        if image.ndim == 2:
            image = image[None]
        elif image.shape[0] not in allowed and image.shape[2] in allowed:
            image = image.movedim(2, 0)
        if len(image) not in (1, self.n_channels):
            raise ValueError(
                f"{self.owner} needs images of 1 or {self.n_channels} channels for its "
                f"backbone; got one of shape {tuple(image.shape)}. Convert the images, "
                "or take another backbone."
            )
        return image.expand(self.n_channels, -1, -1)


def content_of(tensor):
    """Bytes of a tensor and its shape."""
    return str(tuple(tensor.shape)).encode() + tensor.contiguous().numpy().tobytes()


def _is_path(item):
    return isinstance(item, (str, os.PathLike))


def _is_array(item):
    return not _is_path(item) and not hasattr(item, "convert")


def _kind_of(X):
    """What X is, for messages."""
    shape = getattr(X, "shape", None)
    kind = f"a {type(X).__name__}"
    if shape is not None:
        return f"{kind} of shape {tuple(shape)}"
    return (
        f"an empty {type(X).__name__}" if hasattr(X, "__len__") and not len(X) else kind
    )
