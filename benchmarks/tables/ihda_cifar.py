"""Does IHDA help trained networks on CIFAR? Tables 1 and 2 of its paper.

The paper has means of five seeds. "IHDA+" fine-tunes a network that was trained with
crops and flips, whose errors are the paper's column "B", and "IHDA" one that was
trained without; the paper rotates images as well, and does not say how far. Both are
``IHDAFinetuner.paper()``, which chooses the radius and the rate of each level, p, and
what batch normalisation does, on a tenth of the images. The paper's settings of
training are not public; networks are trained as ``recipe`` says.

A network is scored once, after the last epoch. At each block an autoencoder of whole
maps is trained: the widest blocks of WRN-28-10 have 164,000 numbers for an image, and
activations of 30 GiB, which go to the disk.

    python benchmarks/tables/ihda_cifar.py --gpu --rows "ResNet-32, IHDA+" \
        --output ihda_cifar.json
    python benchmarks/tables/ihda_cifar.py --smoke
"""

from sklearn.frozen import FrozenEstimator

from image_sets import CIFAR, images_of
from nets import NETWORKS, cifar_net
from skaug import IHDAFinetuner, VAEGenerator
from table import make_table

PAPER = {
    "ResNet-32": ("7.60", "31.30"),
    "ResNet-32, IHDA": ("3.90 ± 0.1", "22.20 ± 0.1"),
    "ResNet-32, IHDA+": ("3.80 ± 0.1", "21.80 ± 0.1"),
    "ResNet-56": ("6.67", None),
    "ResNet-56, IHDA": ("2.93 ± 0.1", None),
    "ResNet-56, IHDA+": ("2.85 ± 0.1", None),
    "ResNet-110": ("6.45", "28.57"),
    "ResNet-110, IHDA": ("2.78 ± 0.2", "18.45 ± 0.2"),
    "ResNet-110, IHDA+": ("2.72 ± 0.2", "18.00 ± 0.2"),
    "SE-ResNet-110": ("6.22", "27.4"),
    "SE-ResNet-110, IHDA": ("2.67 ± 0.2", "17.54 ± 0.2"),
    "SE-ResNet-110, IHDA+": ("2.50 ± 0.2", "17.00 ± 0.2"),
    "WRN-16-8": ("4.24", "20.23"),
    "WRN-16-8, IHDA": ("2.37 ± 0.1", "16.15 ± 0.1"),
    "WRN-16-8, IHDA+": ("2.23 ± 0.1", "16.00 ± 0.1"),
    "WRN-28-10": ("3.85", "18.76"),
    "WRN-28-10, IHDA": ("2.19 ± 0.1", "13.91 ± 0.1"),
    "WRN-28-10, IHDA+": ("2.11 ± 0.1", "13.19 ± 0.1"),
    "Shake-Shake 26 2x32d": ("3.55", None),
    "Shake-Shake 26 2x32d, IHDA": ("2.07 ± 0.2", None),
    "Shake-Shake 26 2x32d, IHDA+": ("2.00 ± 0.2", None),
    "Shake-Shake 26 2x96d": ("2.91", "17.09"),
    "Shake-Shake 26 2x96d, IHDA": ("1.72 ± 0.2", "11.17 ± 0.2"),
    "Shake-Shake 26 2x96d, IHDA+": ("1.66 ± 0.2", "11.08 ± 0.2"),
    "Shake-Shake 26 2x112d": ("2.84", None),
    "Shake-Shake 26 2x112d, IHDA": ("1.63 ± 0.2", None),
    "Shake-Shake 26 2x112d, IHDA+": ("1.60 ± 0.2", None),
    "PyramidNet": ("2.65", "14.01"),
    "PyramidNet, IHDA": ("1.23 ± 0.1", "9.70 ± 0.1"),
    "PyramidNet, IHDA+": ("1.20 ± 0.1", "9.01 ± 0.1"),
}
ROWS = [label for label in PAPER if label not in NETWORKS]
# In place of what is chosen on held-out images, in a smoke test.
GIVEN = {
    "radius": "auto",
    "tune_lr": 0.4,
    "batch_norm": "frozen",
    "skip_probability": 0.35,
    "generator": VAEGenerator(steps=5, keep_residual=False),
}


def train(row, name, seed, options):
    """Test accuracy of a network after fine-tuning; of IHDA+ also before."""
    images = images_of(name, options)
    network, _, method = row.partition(", ")
    augmented = method == "IHDA+"
    more = {} if augmented else {"callbacks__crop_flip": None}
    net = cifar_net(network, "ihda", images, seed, options, **more)
    net.fit(images.X, images.y)
    finetuner = IHDAFinetuner.paper(
        FrozenEstimator(net),
        **(GIVEN if options.smoke else {}),
        random_state=seed,
        verbose=net.verbose,
    ).fit(images.X, images.y)
    models = {network: net, row: finetuner} if augmented else {row: finetuner}
    return {
        label: [100 * model.score(images.X_test, images.y_test)]
        for label, model in models.items()
    }


def main(arguments=None):
    make_table(
        *(__doc__, PAPER, train, arguments), rows=ROWS, sets=list(CIFAR), seeds=5
    )


if __name__ == "__main__":
    main()
