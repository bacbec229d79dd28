"""Training gives the same bits whatever the number of threads."""

import pytest
from determinism import weights_hash

import minitorch
from minitorch import kernels


@pytest.fixture(params=kernels.info()["available"])
def isa(request):
    before = kernels.info()["isa"]
    kernels.set_isa(request.param)
    yield request.param
    kernels.set_isa(before)


@pytest.fixture
def threads():
    before = minitorch.get_num_threads()
    yield (1, 2, 7)
    minitorch.set_num_threads(before)


@pytest.mark.parametrize("batch", [1, 8])
@pytest.mark.parametrize("network", ["lenet5", "resnet20", "mobilenet"])
def test_weights_do_not_depend_on_the_number_of_threads(network, batch, isa, threads):
    hashes = set()
    for n in threads:
        minitorch.set_num_threads(n)
        hashes.add(weights_hash(network, batch, steps=3))
    assert len(hashes) == 1
