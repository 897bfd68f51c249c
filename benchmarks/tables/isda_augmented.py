"""Does ISDA help beside Cutout and AutoAugment? Table 3 of its paper.

The paper has means of three seeds, and does not say of which epochs. Both
augmentations are as in the papers that they are from: Cutout is of 16 x 16 pixels on
CIFAR-10 and of 8 x 8 on CIFAR-100, AutoAugment is the published policy, followed by
Cutout of 16 x 16. The strength is 0.5, as in ``isda_cifar.py``.

    python benchmarks/tables/isda_augmented.py --gpu --output isda_augmented.json
    python benchmarks/tables/isda_augmented.py --smoke
"""

from image_sets import CIFAR
from isda_cifar import ISDA
from nets import cifar_auto_augment, cifar_run
from skaug import Cutout
from table import make_table

TRANSFORMS = {
    "Cutout": lambda images: Cutout(16 if images.n_classes == 10 else 8),
    "AutoAugment": cifar_auto_augment,
}
PAPER = {
    "WRN-28-10, Cutout": ("2.99 ± 0.06", "18.05 ± 0.25"),
    "WRN-28-10, Cutout + ISDA": ("2.83 ± 0.04", "17.02 ± 0.11"),
    "WRN-28-10, AutoAugment": ("2.65 ± 0.07", "16.60 ± 0.40"),
    "WRN-28-10, AutoAugment + ISDA": ("2.56 ± 0.01", "15.62 ± 0.32"),
    "Shake-Shake 26 2x32d, Cutout": ("3.16 ± 0.09", "18.92 ± 0.21"),
    "Shake-Shake 26 2x32d, Cutout + ISDA": ("2.93 ± 0.03", "18.17 ± 0.08"),
    "Shake-Shake 26 2x32d, AutoAugment": ("2.89 ± 0.09", "17.50 ± 0.19"),
    "Shake-Shake 26 2x32d, AutoAugment + ISDA": ("2.68 ± 0.12", "17.21 ± 0.33"),
    "Shake-Shake 26 2x112d, Cutout": ("2.36", "17.34 ± 0.28"),
    "Shake-Shake 26 2x112d, Cutout + ISDA": ("2.25", "16.24 ± 0.20"),
    "Shake-Shake 26 2x112d, AutoAugment": ("2.01", "15.21 ± 0.20"),
    "Shake-Shake 26 2x112d, AutoAugment + ISDA": ("1.82", "13.87 ± 0.26"),
}


def train(row, name, seed, options):
    """Test accuracies of a network with one of the augmentations."""
    arm, _, isda = row.partition(" + ")
    network, _, augmentation = arm.partition(", ")
    more = {"transform": TRANSFORMS[augmentation], **(ISDA if isda else {})}
    return cifar_run(row, network, "isda", name, seed, options, **more)


def main(arguments=None):
    make_table(__doc__, PAPER, train, arguments, sets=list(CIFAR), seeds=3)


if __name__ == "__main__":
    main()
