"""``torch.sparse``: there are no sparse tensors; every name says so."""

_NAMES = """
FloatTensor DoubleTensor LongTensor addmm as_sparse_gradcheck log_softmax mm sampled_addmm softmax
spdiags spsolve sum to_sparse_semi_structured
"""


def _missing(name):
    def function(*args, **kwargs):
        raise NotImplementedError(
            f"sparse.{name}: there are no sparse tensors; use dense ones (index_add, scatter_add)"
        )

    function.__name__ = function.__qualname__ = name
    function.__doc__ = "Raise NotImplementedError: there are no sparse tensors."
    return function


for _name in _NAMES.split():
    globals()[_name] = _missing(_name)
del _name
