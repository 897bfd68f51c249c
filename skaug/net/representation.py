"""How a net is printed: as an expression, with what differs from the defaults."""

from inspect import Parameter, signature

from skaug._printing import ADDRESS, EstimatorRepr, shown

__all__ = ["PrintsChanges"]

# Fitted attributes that the diagram leaves out, since they describe no result.
INTERNAL = {
    "batches_per_epoch_",
    "callbacks_",
    "classes_inferred_",
    "cuda_dependent_attributes_",
    "first_epoch_",
    "generator_state_",
    "init_context_",
    "initialized_",
    "interrupted_",
    "prefixes_",
    "virtual_params_",
}


class _Short:
    """A value of the diagram that would be printed as an address."""

    def __init__(self, value):
        self.value = value

    def __repr__(self):
        return shown(self.value)


def _named(callbacks):
    """Name and text of each callback that the user gave."""
    for callback in callbacks if isinstance(callbacks, list) else ():
        if isinstance(callback, tuple) and len(callback) == 2:
            yield callback[0], _Short(callback[1])
        else:
            kind = callback if isinstance(callback, type) else type(callback)
            yield kind.__name__, _Short(callback)


class PrintsChanges:
    """Mixin, left of skorch's nets, that prints them as scikit-learn does.

    scikit-learn reads the defaults in the signature of ``__init__``. Those that a class
    passes on as ``**kwargs`` are written into it.
    """

    __repr__ = EstimatorRepr()

    def _get_params_html(self, deep=True, *args, **kwargs):
        # skorch's deep parameters are those of its own callbacks, for the most part.
        table = super()._get_params_html(False, *args, **kwargs)
        rows = {}
        for name, value in table.data.items():
            rows[name] = _Short(value) if ADDRESS in repr(value) else value
            if name == "callbacks":
                rows |= {f"callbacks__{key}": one for key, one in _named(value)}
        table.non_default = (*table.non_default, *(rows.keys() - table.data.keys()))
        table.data = rows
        return table

    def _get_fitted_attr_html(self, *args, **kwargs):
        table = super()._get_fitted_attr_html(*args, **kwargs)
        rows = {name: row for name, row in table.data.items() if name not in INTERNAL}
        if "input_dtype_" in rows:  # a type of NumPy's is taken for an array
            rows["input_dtype_"] = {"type_name": "type", "value": self.input_dtype_}
        table.data = rows
        return table

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        if "__init__" in vars(cls):
            inherited = [
                parameter
                for kind in cls.__mro__[1:]
                if "__init__" in vars(kind)
                for parameter in list(signature(kind.__init__).parameters.values())[1:]
            ]
            cls.__init__.__signature__ = _completed(signature(cls.__init__), inherited)


def _completed(own, inherited):
    """A signature that ends in ``**kwargs``, with the parameters that these may be."""
    *parameters, last = own.parameters.values()
    if last.kind is not Parameter.VAR_KEYWORD:
        return own
    names = {parameter.name for parameter in parameters}
    for parameter in inherited:
        has_default = parameter.default is not Parameter.empty
        if has_default and parameter.name not in names:
            names.add(parameter.name)
            parameters.append(parameter.replace(kind=Parameter.KEYWORD_ONLY))
    return own.replace(parameters=[*parameters, last])
