"""Random choices that torchvision's transforms make once for a whole batch.

Called with a batch, ``RandomCrop`` crops all images at one place. For training, each
row has to have a choice of its own.
"""

from torch import nn

from skaug.transforms.calling import is_torchvisions, name_of, parts_of
from skaug.transforms.chain import Chain, with_parts
from skaug.transforms.images import PerSample

__all__ = ["chosen_by_row", "mixes_rows", "words_on"]

# Which of skaug.transforms does the same for a batch, if any. MixUp and CutMix mix the
# rows of a batch, and those that change the size have to do so for all rows alike.
OURS = {
    "AugMix": None,
    "AutoAugment": None,
    "ColorJitter": "Brightness, Contrast, Saturation or Hue",
    "ElasticTransform": None,
    "GaussianBlur": None,
    "JPEG": None,
    "RandAugment": "RandAugment",
    "RandomAdjustSharpness": None,
    "RandomAffine": "RandomAffine",
    "RandomApply": None,
    "RandomAutocontrast": None,
    "RandomChannelPermutation": None,
    "RandomChoice": None,
    "RandomCrop": "RandomCropFlip",
    "RandomEqualize": "Equalize",
    "RandomErasing": "Cutout",
    "RandomGrayscale": None,
    "RandomHorizontalFlip": "HorizontalFlip",
    "RandomInvert": "Invert",
    "RandomOrder": None,
    "RandomPerspective": None,
    "RandomPhotometricDistort": None,
    "RandomPosterize": "Posterize",
    "RandomResizedCrop": None,
    "RandomRotation": "RandomAffine",
    "RandomSolarize": "Solarize",
    "RandomVerticalFlip": "VerticalFlip",
    "RandomZoomOut": None,
    "TrivialAugmentWide": "TrivialAugment",
}
# Nothing is random in these but whether they act.
BY_CHANCE = (
    "RandomAdjustSharpness",
    "RandomAutocontrast",
    "RandomEqualize",
    "RandomGrayscale",
    "RandomHorizontalFlip",
    "RandomInvert",
    "RandomPosterize",
    "RandomSolarize",
    "RandomVerticalFlip",
)
# These draw one number between two, which may be the same.
RANGES = {"GaussianBlur": "sigma", "JPEG": "quality"}
MIX_ROWS = ("CutMix", "MixUp")


def chosen_by_row(transform):
    """Put torchvision's random transforms into a PerSample; return their names too."""
    parts = parts_of(transform)
    if _chooses(transform):
        if all(map(_is_for_one_row, _leaves(transform))):
            return PerSample(transform), [name_of(transform)]
        return transform, []  # it chooses among others, such as MixUp and CutMix
    in_order = isinstance(transform, (nn.Sequential, Chain)) or (
        is_torchvisions(transform) and name_of(transform) == "Compose"
    )
    new_parts, names = [], []
    for part in parts if in_order else []:
        new_part, of_part = chosen_by_row(part)
        new_parts.append(new_part)
        names += of_part
    return (with_parts(transform, new_parts) if names else transform), names


def mixes_rows(transform):
    """Whether it is one of torchvision's that mixes the rows of a batch and labels."""
    return any(
        is_torchvisions(leaf) and type(leaf).__name__ in MIX_ROWS
        for leaf in _leaves(transform)
    )


def words_on(names, owner):
    """Words of a warning: transforms of torchvision's that `owner` calls row by row."""
    ours = [OURS[name] for name in dict.fromkeys(names) if OURS[name] is not None]
    for_batches = f" For whole batches there is {', '.join(ours)}." if ours else ""
    return (
        f"{owner} needs a choice for each row; got torchvision's {', '.join(names)}, "
        "with one choice for a whole batch. Each row is transformed by itself, which "
        f"takes longer; a PerSample around it says that you mean it.{for_batches}"
    )


def _chooses(transform):
    """Whether it is one of torchvision's that makes a choice at each call."""
    name = type(transform).__name__
    if not is_torchvisions(transform) or name not in OURS:
        return False
    if name in RANGES:
        low, high = getattr(transform, RANGES[name])
        return low < high
    return name not in BY_CHANCE or 0 < transform.p < 1


def _leaves(transform):
    parts = parts_of(transform)
    return [leaf for part in parts for leaf in _leaves(part)] or [transform]


def _is_for_one_row(transform):
    return is_torchvisions(transform) and type(transform).__name__ not in MIX_ROWS
