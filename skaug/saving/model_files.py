"""A model as a file: safetensors, with a tree in JSON in its header."""

import hashlib
import json
import warnings

from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as as_bytes
from sklearn.exceptions import InconsistentVersionWarning

from skaug._files import atomic_writing
from skaug._versions import installed
from skaug.saving.kinds import demand
from skaug.saving.known import Known
from skaug.saving.tree import Reader, Writer, names_in

__all__ = ["load", "save"]

FORMAT = "skaug 1"  # Raise the number if older versions cannot read what is written.
PACKAGES = ("skaug", "torch", "scikit-learn", "skorch")


def save(model, path):
    """Write a fitted object to a file without pickle.

    The file is in the safetensors format. It holds all arrays and tensors, and in its
    header, as JSON, everything else: parameters, labels, the history of a net, and the
    versions of skaug, torch, scikit-learn and skorch.

    Parameters
    ----------
    model : object
        An estimator, a Pipeline or a search, a generator, a policy, a loss, or another
        object of skaug's.
    path : path
        Where to write. A file of this name is replaced when the new one is complete.

    Raises
    ------
    ValueError
        If a part of the model cannot be described by its attributes, such as a forest's
        trees, or has no name to be imported by, such as a ``lambda``.
    OSError
        If the file cannot be written. A file of this name then stays as it was.

    See Also
    --------
    load : Read the file.

    Notes
    -----
    A net keeps its optimizer and its random generators, so that ``partial_fit`` goes
    on where it was. Gradients and what exists only while a net trains are left out.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from sklearn.datasets import load_iris
    >>> from skaug import NetClassifier, load, save
    >>> X, y = load_iris(return_X_y=True)
    >>> net = NetClassifier(max_epochs=5, random_state=0).fit(X, y)
    >>> with TemporaryDirectory() as folder:
    ...     save(net, f"{folder}/iris.safetensors")
    ...     again = load(f"{folder}/iris.safetensors")
    >>> bool((again.predict_proba(X) == net.predict_proba(X)).all())
    True
    """
    writer = Writer()
    try:
        tree = json.dumps(writer.node(model), allow_nan=False)
    except RecursionError as error:
        raise ValueError(
            f"save needs objects of fewer levels; got a {type(model).__name__} whose "
            "parts are nested too deeply, or a list that holds itself. Change it."
        ) from error
    metadata = {"format": FORMAT, "versions": json.dumps(_versions()), "model": tree}
    metadata["sha256"] = _digest(metadata, writer.arrays)
    try:
        written = as_bytes(writer.arrays, metadata)
    except SafetensorError as error:
        raise ValueError(
            f"save needs less than 100 MB besides arrays; got {len(tree):,} characters "
            f"of a {type(model).__name__}. Keep it with joblib."
        ) from error
    with atomic_writing(path) as file:
        file.write(written)


def load(path, types=()):
    """Read a fitted object from a file of :func:`save`.

    Nothing that the file holds is run. It may name classes of skaug, estimators of
    scikit-learn and imbalanced-learn, layers, losses and optimizers of torch, callbacks
    of skorch that write no files, transforms and networks of torchvision, and `types`.

    Parameters
    ----------
    path : path
        The file.
    types : list of type or function, default=()
        Classes and functions of your own in the model, such as the class of its
        network, a callback or a transform. They have to be the ones that were saved.

    Returns
    -------
    model : object
        The fitted object. Tensors are on the device where they were, or else on the
        CPU, with a warning of skorch's.

    Raises
    ------
    ValueError
        If the file was not written by :func:`save`, is damaged, or names a class or a
        function that is not known.

    Warns
    -----
    UserWarning
        If the file was written by other versions of skaug, torch, scikit-learn or
        skorch, where predictions may differ.

    See Also
    --------
    save : Write a file, with an example.

    Notes
    -----
    What a loaded object does later is decided by its parameters, some of which may name
    folders, such as ``cache`` of a search. Look at them before you fit it again.
    """
    known = Known(types)
    tree, arrays, versions = _contents(path)
    _warn_of_versions(versions, path)
    unknown = sorted({name for name in names_in(tree) if known.find(name) is None})
    if unknown:
        raise ValueError(
            f"load needs classes and functions that it knows; got {', '.join(unknown)} "
            f"in {path}. If they are yours and you trust the file, import them, and "
            "give them as types=[...]."
        )
    try:
        with warnings.catch_warnings():
            # All versions have been told of.
            warnings.simplefilter("ignore", InconsistentVersionWarning)
            return Reader(arrays, known).node(tree)
    except Exception as error:
        raise _unreadable(path, error) from error


def _contents(path):
    """Tree, arrays by name and versions in a file that is whole."""
    with open(path, "rb"):  # Python says best why a file cannot be opened.
        pass
    try:
        with safe_open(path, framework="np") as file:
            metadata = file.metadata() or {}
            written = metadata.get("format")
            if written == FORMAT:
                arrays = {name: file.get_tensor(name) for name in list(file.keys())}
                is_whole = metadata.pop("sha256", None) == _digest(metadata, arrays)
                demand(is_whole, "another checksum")
                tree, versions = (
                    json.loads(metadata[key]) for key in ("model", "versions")
                )
                return tree, arrays, dict(versions)
    except Exception as error:
        raise _unreadable(path, error) from error
    raise ValueError(
        f"load needs a file of format {FORMAT!r}; got {written!r} in {path}. Update "
        "skaug if the file is of a newer version. Weights alone are read by "
        "load_params of a net."
    )


def _warn_of_versions(versions, path):
    others = [
        f"{package} {versions.get(package)} instead of {here}"
        for package, here in _versions().items()
        if versions.get(package) != here
    ]
    if others:
        warnings.warn(
            f"load needs the versions that wrote {path} to give the same predictions; "
            f"got {', '.join(others)}. Compare predictions on rows that you know.",
            stacklevel=3,
        )


def _unreadable(path, error):
    return ValueError(
        f"load needs a file as skaug.save wrote it; got {error!r} while {path} was "
        "read. Copy the file again, or save the model anew."
    )


def _digest(metadata, arrays):
    """Checksum of all that is read."""
    digest = hashlib.sha256(repr(sorted(metadata.items())).encode())
    for name, array in sorted(arrays.items()):
        digest.update(repr((name, array.dtype.str, array.shape)).encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def _versions():
    """Version of each package that decides about predictions."""
    return {package: installed(package) for package in PACKAGES}
