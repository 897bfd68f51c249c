"""What all displays share."""


def axes_of(ax):
    import matplotlib.pyplot as plt

    ax = plt.subplots(layout="constrained")[1] if ax is None else ax
    return ax, ax.figure
