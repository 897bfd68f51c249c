"""Functions of the values of images, with a parameter for each row.

X has shape (n, channels, height, width), 1 or 3 channels, and numbers from 0 to 1. A
parameter has shape (n, 1, 1, 1). torchvision has the same functions, with one parameter
for a whole batch.
"""

import torch
from torch.nn import functional

__all__ = [
    "autocontrasted",
    "blended",
    "brightened",
    "contrasted",
    "equalized",
    "grey",
    "hue_shifted",
    "posterized",
    "saturated",
    "sharpened",
    "solarized",
]

# Weights of red, green and blue in the brightness that people see.
LUMA = (0.2989, 0.587, 0.114)
# Values of a byte. The small part is torchvision's: 1.0 is the last one of them.
BYTES = 256 - 1e-3


def blended(X, other, share):
    """A `share` of the images and the rest of `other`; shares above 1 go beyond X."""
    return torch.lerp(other, X, share).clamp_(0, 1)


def grey(X):
    """Brightness of each pixel (n, 1, height, width)."""
    if X.shape[1] == 1:
        return X
    red, green, blue = X.unbind(dim=1)
    return (LUMA[0] * red + LUMA[1] * green + LUMA[2] * blue)[:, None]


def brightened(X, factor):
    """Multiply all values."""
    return (X * factor).clamp(0, 1)


def contrasted(X, factor):
    """Move all values away from the mean brightness of their image, or towards it."""
    return blended(X, grey(X).mean(dim=(1, 2, 3), keepdim=True), factor)


def saturated(X, factor):
    """Move all colours away from grey, or towards it."""
    return X.clone() if X.shape[1] == 1 else blended(X, grey(X), factor)


def hue_shifted(X, shift):
    """Turn the circle of colours; a shift of 1 is a whole turn."""
    if X.shape[1] == 1:
        return X.clone()
    red, green, blue = X.unbind(dim=1)
    high = torch.maximum(torch.maximum(red, green), blue)
    spread = high - torch.minimum(torch.minimum(red, green), blue)
    # Sixths of the circle, from red, in units of the spread.
    of_green = (blue - red).add_(spread, alpha=2)
    of_blue = (red - green).add_(spread, alpha=4)
    hue = torch.where(green == high, of_green, of_blue)
    hue = torch.where(red == high, green - blue, hue)
    # The tiny number is far below any spread; grey has no hue.
    hue = (hue / (spread + 1e-20))[:, None]
    offset = torch.tensor([5, 3, 1]).to(X).view(3, 1, 1) + 6 * shift
    k = hue + offset
    k -= 6 * (k / 6).floor_()
    # Full within 2 sixths of the circle, and falls to nothing over another one.
    share = k.sub_(2).abs_().neg_().add_(2).clamp_(0, 1)
    return torch.addcmul(high[:, None], share, spread[:, None], value=-1)


def sharpened(X, factor):
    """Move all pixels but those of the border away from their surroundings."""
    channels, height, width = X.shape[1:]
    if min(height, width) <= 2:
        return X.clone()
    kernel = torch.ones(channels, 1, 3, 3, dtype=X.dtype, device=X.device)
    kernel[:, :, 1, 1] = 5
    smooth = X.clone()
    smooth[:, :, 1:-1, 1:-1] = functional.conv2d(X, kernel / 13, groups=channels)
    return blended(X, smooth, factor)


def posterized(X, bits):
    """Keep the first bits of all values, as if these were bytes."""
    step = 2.0 ** (8 - bits)
    # Values of bytes are not exact here: 3 of 255 may come out as 2.9999.
    return (X * 255 / step + 1e-3).floor() * step / 255


def solarized(X, threshold):
    """Invert what is bright."""
    return torch.where(threshold <= X, 1 - X, X)


def autocontrasted(X):
    """Stretch each channel of each image from 0 to 1."""
    low, high = X.amin(dim=(2, 3), keepdim=True), X.amax(dim=(2, 3), keepdim=True)
    flat = high == low
    low, spread = torch.where(flat, 0, low), torch.where(flat, 1, high - low)
    return ((X - low) / spread).clamp(0, 1)


def equalized(X):
    """Make all values of each channel about equally frequent; values become bytes."""
    pixels = (X * BYTES).long().clamp(0, 255).flatten(2)
    counts = torch.zeros(*X.shape[:2], 256, dtype=torch.long, device=X.device)
    counts.scatter_add_(2, pixels, torch.ones_like(pixels))
    below = counts.cumsum(dim=2)
    of_largest = counts.gather(2, below.argmax(dim=2, keepdim=True))
    step = (pixels.shape[2] - of_largest) // 255
    table = (below + step // 2) // step.clamp(min=1)
    table = torch.cat([torch.zeros_like(step), table[..., :-1]], dim=2).clamp(0, 255)
    # Where one value has nearly all pixels there is nothing to equalize.
    new_pixels = torch.where(step > 0, table.gather(2, pixels), pixels)
    return (new_pixels / 255).to(X.dtype).view(X.shape)
