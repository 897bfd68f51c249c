"""Which parts of ISDA count? Table 5 of its paper, with WRN-28-10.

The paper has means of three seeds. The strength is 0.5 in all rows, as in
``isda_cifar.py``; the paper does not say whether each row has one of its own.

    python benchmarks/tables/isda_ablation.py --gpu --output isda_ablation.json
    python benchmarks/tables/isda_ablation.py --smoke
"""

from image_sets import CIFAR
from isda_cifar import ISDA
from nets import cifar_run
from table import make_table

PARTS = {
    "basic": {},
    "identity matrix": {**ISDA, "covariance": "identity"},
    "diagonal matrix": {**ISDA, "covariance": "diagonal"},
    "single covariance matrix": {**ISDA, "covariance": "shared"},
    "constant strength": {**ISDA, "schedule": "constant"},
    "ISDA": ISDA,
}
PAPER = {
    "basic": ("3.82 ± 0.15", "18.58 ± 0.10"),
    "identity matrix": ("3.63 ± 0.12", "18.53 ± 0.02"),
    "diagonal matrix": ("3.70 ± 0.15", "18.23 ± 0.02"),
    "single covariance matrix": ("3.67 ± 0.07", "18.29 ± 0.13"),
    "constant strength": ("3.69 ± 0.08", "18.33 ± 0.16"),
    "ISDA": ("3.58 ± 0.15", "17.98 ± 0.15"),
}


def train(row, name, seed, options):
    """Test accuracies of a variant."""
    return cifar_run(row, "WRN-28-10", "isda", name, seed, options, **PARTS[row])


def main(arguments=None):
    make_table(__doc__, PAPER, train, arguments, sets=list(CIFAR), seeds=3)


if __name__ == "__main__":
    main()
