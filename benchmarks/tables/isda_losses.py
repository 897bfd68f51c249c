"""Is ISDA better than other losses and than rows of GANs? Table 4 of its paper.

The paper has means of three seeds, and does not say of which epochs. WRN-28-10 has
dropout in all rows. What its appendix does not give is as published elsewhere: the
weight of the center loss, the margin, which are the defaults of ``skaug.baselines``.
The GANs are those of ``skaug.baselines`` with a width of 64, trained at a rate of
0.0002: for 50,000 steps, and that of each class for 5,000 in WGAN. The paper has the
networks of the GANs' own papers and does not say how long it trains them; of WGAN, that
paper clips weights where ours has a penalty on gradients. The strength of ISDA is 0.5.

    python benchmarks/tables/isda_losses.py --gpu --output isda_losses.json
    python benchmarks/tables/isda_losses.py --smoke
"""

from image_sets import CIFAR
from isda_cifar import ISDA
from nets import cifar_run
from skaug import BatchAugmentation
from skaug.baselines import (
    AuxiliaryClassifierGAN,
    CenterLoss,
    ConditionalGAN,
    DisturbLabel,
    FocalLoss,
    GeneralizedCrossEntropyLoss,
    GeneratedRows,
    InfoGAN,
    LargeMarginLoss,
    WassersteinGAN,
)
from table import make_table

LOSSES = {
    "large margin": LargeMarginLoss,
    "focal": FocalLoss,
    "center": CenterLoss,
    "L_q": GeneralizedCrossEntropyLoss,
}
GANS = {  # and steps of each generator, of which WGAN has one for each class
    "WGAN": (WassersteinGAN, 5_000),
    "CGAN": (ConditionalGAN, 50_000),
    "ACGAN": (AuxiliaryClassifierGAN, 50_000),
    "infoGAN": (InfoGAN, 50_000),
}
PAPER = {
    "ResNet-110, large margin": ("6.46 ± 0.20", "28.00 ± 0.09"),
    "ResNet-110, disturb label": ("6.61 ± 0.04", "28.46 ± 0.32"),
    "ResNet-110, focal": ("6.68 ± 0.22", "28.28 ± 0.32"),
    "ResNet-110, center": ("6.38 ± 0.20", "27.85 ± 0.10"),
    "ResNet-110, L_q": ("6.69 ± 0.07", "28.78 ± 0.35"),
    "ResNet-110, WGAN": ("6.63 ± 0.23", None),
    "ResNet-110, CGAN": ("6.56 ± 0.14", "28.25 ± 0.36"),
    "ResNet-110, ACGAN": ("6.32 ± 0.12", "28.48 ± 0.44"),
    "ResNet-110, infoGAN": ("6.59 ± 0.12", "27.64 ± 0.14"),
    "ResNet-110": ("6.76 ± 0.34", "28.67 ± 0.44"),
    "ResNet-110, dropout": ("6.23 ± 0.11", "27.11 ± 0.06"),
    "ResNet-110, ISDA": ("6.33 ± 0.19", "27.57 ± 0.46"),
    "ResNet-110, ISDA + dropout": ("5.98 ± 0.20", "26.35 ± 0.30"),
    "WRN-28-10, large margin": ("3.69 ± 0.10", "18.48 ± 0.05"),
    "WRN-28-10, disturb label": ("3.91 ± 0.10", "18.56 ± 0.22"),
    "WRN-28-10, focal": ("3.62 ± 0.07", "18.22 ± 0.08"),
    "WRN-28-10, center": ("3.76 ± 0.05", "18.50 ± 0.25"),
    "WRN-28-10, L_q": ("3.78 ± 0.08", "18.43 ± 0.37"),
    "WRN-28-10, WGAN": ("3.81 ± 0.08", None),
    "WRN-28-10, CGAN": ("3.84 ± 0.07", "18.79 ± 0.08"),
    "WRN-28-10, ACGAN": ("3.81 ± 0.11", "18.54 ± 0.05"),
    "WRN-28-10, infoGAN": ("3.81 ± 0.05", "18.44 ± 0.10"),
    "WRN-28-10, dropout": ("3.82 ± 0.15", "18.53 ± 0.07"),
    "WRN-28-10, ISDA + dropout": ("3.58 ± 0.15", "17.98 ± 0.15"),
}


def method(arm, network, name, options):
    """What a method changes in the training of a network, as arguments."""
    changes = {"criterion": LOSSES[arm]} if arm in LOSSES else {}
    if arm == "disturb label":
        rate = 0.1 if (network, name) == ("ResNet-110", "cifar100") else 0.05
        changes["first"] = [("disturb", BatchAugmentation(DisturbLabel(rate)))]
    elif arm in GANS:
        rows = GeneratedRows(gan(*GANS[arm], options))
        changes["first"] = [("generated", BatchAugmentation(rows))]
    if arm.startswith("ISDA"):
        changes |= ISDA
    if arm.endswith("dropout"):
        changes["module__dropout"] = 0.3
    return changes


def gan(kind, steps, options):
    """A GAN, to be fitted to the training images."""
    width, steps = (4, 2) if options.smoke else (64, steps)
    return kind(width=width, steps=steps, lr=2e-4, device=options.device)


def train(row, name, seed, options):
    """Test accuracies of a network with one of the methods."""
    network, _, arm = row.partition(", ")
    more = method(arm, network, name, options)
    return cifar_run(row, network, "isda", name, seed, options, **more)


def main(arguments=None):
    make_table(__doc__, PAPER, train, arguments, sets=list(CIFAR), seeds=3)


if __name__ == "__main__":
    main()
