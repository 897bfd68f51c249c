"""Does refinement help after intensive augmentation? Table 1 of its paper, on CIFAR.

The paper has the median of the last ten epochs of a phase, as a mean of three seeds. It
says this of PreActResNet-18 and WRN-28-10, and nothing of Shake-Shake.
Each row is trained once: the line without refinement is what it has after 400 epochs
(Shake-Shake: 1,800), the refined one what it has after 50 (200) more. Refinement keeps
crops and flips; only after "standard" augmentation, it leaves them out.

Layers of Manifold Mixup are those of its published code: the input and two stages.
AutoAugment is the published policy, followed by Cutout.

    python benchmarks/tables/refined_cifar.py --gpu --output refined_cifar.json
    python benchmarks/tables/refined_cifar.py --gpu --sets cifar10 \
        --rows "PreActResNet-18, mixup" --output mixup.json
    python benchmarks/tables/refined_cifar.py --smoke
"""

from argparse import Namespace

from image_sets import CIFAR
from nets import REFINED, cifar_auto_augment, cifar_run
from skaug import ManifoldMixup, TableMixup
from skaug.baselines import recipe
from skaug.transforms.torchvision import v2
from table import make_table

TRANSFORMS = {
    "mixup": lambda images: TableMixup(alpha=1.0),
    "manifold mixup": lambda images: ManifoldMixup(
        alpha=1.0, layers=["input", "stages.0", "stages.1"]
    ),
    "CutMix": lambda images: v2.CutMix(num_classes=images.n_classes),
    "AutoAugment": cifar_auto_augment,
}
PAPER = {
    "PreActResNet-18, standard": ("94.63", "75.79"),
    "PreActResNet-18, standard, refined": ("94.48", "76.06"),
    "PreActResNet-18, mixup": ("95.92", "78.95"),
    "PreActResNet-18, mixup, refined": ("96.26", "80.85"),
    "PreActResNet-18, manifold mixup": ("95.81", "80.19"),
    "PreActResNet-18, manifold mixup, refined": ("96.07", "81.39"),
    "PreActResNet-18, CutMix": ("96.21", "79.75"),
    "PreActResNet-18, CutMix, refined": ("96.38", "80.46"),
    "PreActResNet-18, AutoAugment": ("96.02", "79.33"),
    "PreActResNet-18, AutoAugment, refined": ("96.20", "80.09"),
    "WRN-28-10, standard": ("96.11", "81.15"),
    "WRN-28-10, mixup": ("97.05", "82.11"),
    "WRN-28-10, mixup, refined": ("97.52", "84.25"),
    "WRN-28-10, manifold mixup": ("97.13", "83.02"),
    "WRN-28-10, manifold mixup, refined": ("97.32", "84.77"),
    "WRN-28-10, CutMix": ("97.11", "82.75"),
    "WRN-28-10, CutMix, refined": ("97.24", "83.40"),
    "WRN-28-10, AutoAugment": ("97.59", "83.85"),
    "WRN-28-10, AutoAugment, refined": ("97.73", "85.24"),
    "Shake-Shake 26 2x96d, standard": ("97.00", "82.87"),
    "Shake-Shake 26 2x96d, mixup": ("97.80", "84.22"),
    "Shake-Shake 26 2x96d, mixup, refined": ("98.02", "85.19"),
    "Shake-Shake 26 2x96d, CutMix": ("97.77", "84.51"),
    "Shake-Shake 26 2x96d, CutMix, refined": ("97.76", "84.64"),
    "Shake-Shake 26 2x96d, AutoAugment": ("98.02", "85.62"),
    "Shake-Shake 26 2x96d, AutoAugment, refined": ("98.05", "86.13"),
}
ROWS = [label for label in PAPER if not label.endswith(REFINED)]


def train(row, name, seed, options):
    """Test accuracies of a network before and after refinement."""
    network, _, augmentation = row.partition(", ")
    more = {"transform": TRANSFORMS.get(augmentation)}
    if augmentation == "CutMix":
        more["callbacks__transform__probability"] = 0.5
    elif row == "WRN-28-10, AutoAugment":
        network = "WRN-28-10, dropout"
    elif row == "PreActResNet-18, standard":
        options, more = without_crops_at_last(options)
    return cifar_run(row, network, "refined", name, seed, options, **more)


def without_crops_at_last(options):
    """As many epochs without crops and flips as refinement has, after all others."""
    other = recipe(
        *("preact_resnet_18", "refined"),
        transform=TableMixup(),
        max_epochs=options.epochs,
    )
    refine_epochs = dict(other["callbacks"])["transform"].refine_epochs
    # The rate falls in those before, as in the other rows.
    epochs = other["max_epochs"] - refine_epochs
    return Namespace(**{**vars(options), "epochs": epochs}), {
        "max_epochs": other["max_epochs"],
        "callbacks__crop_flip__refine_epochs": refine_epochs,
    }


def main(arguments=None):
    options = {"rows": ROWS, "sets": list(CIFAR), "seeds": 3, "shown": "accuracy"}
    make_table(__doc__, PAPER, train, arguments, **options)


if __name__ == "__main__":
    main()
