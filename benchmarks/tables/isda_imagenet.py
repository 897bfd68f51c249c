"""Does ISDA help networks on ImageNet? Table 1 of its paper.

The paper gives one figure for each network, after 300 epochs with batches of 512 at a
rate of 0.2, which falls along a cosine. The covariance is diagonal; the strength is
that of the paper's appendix. Weight decay is 0.0001 throughout, as in the published
code; the paper says that it is that of CIFAR, where ResNeXt has 0.0005. The paper does
not say of which epoch its figures are: the column "mean of the last ten" is close to
the last.

``--data`` is the folder that has ``train`` and ``val``.

    python benchmarks/tables/isda_imagenet.py --gpu --data IMAGENET \
        --rows ResNet-50 "ResNet-50 + ISDA" --output isda_imagenet.json
    python benchmarks/tables/isda_imagenet.py --smoke
"""

from functools import partial

from image_folders import imagenet_run, models, with_top_5
from skaug import ISDAClassifier
from table import make_table

EPOCHS = 300
NETWORKS = {  # and their strengths
    "ResNet-50": (models.resnet50, 7.5),
    "ResNet-101": (models.resnet101, 5.0),
    "ResNet-152": (models.resnet152, 7.5),
    "DenseNet-BC-121": (models.densenet121, 1.0),
    "DenseNet-BC-265": (partial(models.DenseNet, 32, (6, 12, 64, 48)), 1.0),
    "ResNeXt-50 32x4d": (models.resnext50_32x4d, 7.5),
    "ResNeXt-101 32x8d": (models.resnext101_32x8d, 7.5),
}
FIGURES = {  # errors, of one class and of five
    "ResNet-50": "23.0 / 6.8",
    "ResNet-50 + ISDA": "21.9 / 6.3",
    "ResNet-101": "21.7 / 6.1",
    "ResNet-101 + ISDA": "20.8 / 5.7",
    "ResNet-152": "21.3 / 5.8",
    "ResNet-152 + ISDA": "20.3 / 5.5",
    "DenseNet-BC-121": "23.7 / 6.8",
    "DenseNet-BC-121 + ISDA": "23.2 / 6.6",
    "DenseNet-BC-265": "21.9 / 6.1",
    "DenseNet-BC-265 + ISDA": "21.2 / 6.0",
    "ResNeXt-50 32x4d": "22.5 / 6.4",
    "ResNeXt-50 32x4d + ISDA": "21.3 / 5.9",
    "ResNeXt-101 32x8d": "21.1 / 5.9",
    "ResNeXt-101 32x8d + ISDA": "20.1 / 5.4",
}


def train(row, name, seed, options):
    """Test accuracies of a network with or without ISDA."""
    network, _, isda = row.partition(" + ")
    module, strength = NETWORKS[network]
    more = {"max_epochs": options.epochs or EPOCHS, "batch_size": 512, "lr": 0.2}
    if isda:
        more |= {"kind": ISDAClassifier, "strength": strength, "covariance": "diagonal"}
    return imagenet_run(row, module, seed, options, **more)


def main(arguments=None):
    options = {"rows": FIGURES, "sets": ["imagenet"], "seeds": 1}
    make_table(__doc__, with_top_5(FIGURES), train, arguments, **options)


if __name__ == "__main__":
    main()
