"""Datasets, samplers, collating and the DataLoader: PyTorch's behaviour, by running both."""

import collections
import itertools
import warnings

import numpy as np
import pytest

import minitorch
from minitorch.utils import data


class Squares:
    """A dataset of 23 samples, of either library's Dataset."""

    def __init__(self, count=23):
        self.count = count

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        if not 0 <= index < self.count:
            raise IndexError(index)
        return np.full((2, 3), index, np.float32), index


@pytest.fixture(params=["minitorch", "torch"])
def lib(request):
    """Both libraries in turn."""
    if request.param == "minitorch":
        return minitorch
    return request.getfixturevalue("torch")


def plain(value):
    """Return a batch as nested Python lists, with the names of types."""
    if hasattr(value, "tolist"):
        return str(value.dtype).split(".")[-1], tuple(value.shape), value.tolist()
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value).__name__, [plain(item) for item in value]
    return value


LOADERS = [
    {},
    {"batch_size": 4},
    {"batch_size": 4, "drop_last": True},
    {"batch_size": 23},
    {"batch_size": 100},
    {"batch_size": None},
    {"sampler": [3, 1, 1, 7]},
    {"sampler": [3, 1, 1, 7], "batch_size": None},
    {"sampler": range(5, 15), "batch_size": 3},
    {"batch_sampler": [[0, 1], [2], [3, 4, 5]]},
    {"batch_size": 5, "collate_fn": lambda samples: [label for _, label in samples]},
    {"batch_size": None, "collate_fn": lambda sample: sample[1]},
    {"batch_size": 4, "num_workers": 2},
    {"batch_size": 4, "num_workers": 2, "drop_last": True, "prefetch_factor": 5},
    {"batch_size": None, "num_workers": 2},
    {"batch_size": 3, "num_workers": 2, "persistent_workers": True},
]


class TestDataLoader:
    @pytest.mark.parametrize("options", LOADERS, ids=str)
    def test_same_batches_as_torch(self, torch, options):
        ours = data.DataLoader(Squares(), **options)
        theirs = torch.utils.data.DataLoader(Squares(), **options)
        assert len(ours) == len(theirs)
        for _ in range(2):
            assert [plain(b) for b in ours] == [plain(b) for b in theirs]

    @pytest.mark.parametrize(
        "options",
        [
            {"batch_size": 0},
            {"batch_size": -1},
            {"batch_size": 1.5},
            {"num_workers": -1},
            {"timeout": -1},
            {"prefetch_factor": 2},
            {"persistent_workers": True},
            {"sampler": [1], "shuffle": True},
            {"batch_sampler": [[1]], "batch_size": 2},
            {"batch_sampler": [[1]], "shuffle": True},
            {"batch_sampler": [[1]], "sampler": [1]},
            {"batch_sampler": [[1]], "drop_last": True},
            {"batch_size": None, "drop_last": True},
            {"multiprocessing_context": "fork"},
            {"num_workers": 1, "multiprocessing_context": "fibre"},
            {"num_workers": 1, "prefetch_factor": -1},
        ],
        ids=str,
    )
    def test_same_errors_as_torch(self, lib, options):
        with pytest.raises(ValueError):
            lib.utils.data.DataLoader(Squares(), **options)

    def test_context_of_a_wrong_type(self, lib):
        with pytest.raises(TypeError):
            lib.utils.data.DataLoader(Squares(), num_workers=1, multiprocessing_context=3)

    def test_shuffle_visits_everything_anew(self, lib):
        loader = lib.utils.data.DataLoader(Squares(), batch_size=4, shuffle=True)
        orders = [[int(i) for _, labels in loader for i in labels] for _ in range(3)]
        assert all(sorted(order) == list(range(23)) for order in orders)
        assert len({tuple(order) for order in orders}) == 3

    def test_generator(self, lib):
        def orders(seed):
            generator = lib.Generator().manual_seed(seed)
            loader = lib.utils.data.DataLoader(
                range(50), batch_size=7, shuffle=True, generator=generator
            )
            return [[b.tolist() for b in loader] for _ in range(2)]

        assert orders(1) == orders(1) != orders(2)

    def test_seed(self, lib):
        def order():
            lib.manual_seed(3)
            return [int(x) for x in lib.utils.data.DataLoader(range(50), shuffle=True)]

        assert order() == order()

    def test_attributes(self, lib):
        dataset = Squares()
        loader = lib.utils.data.DataLoader(dataset, batch_size=4, drop_last=True)
        assert loader.dataset is dataset and loader.batch_size == 4 and loader.drop_last
        assert isinstance(loader.sampler, lib.utils.data.SequentialSampler)
        assert isinstance(loader.batch_sampler, lib.utils.data.BatchSampler)
        assert loader.num_workers == 0 and loader.prefetch_factor is None
        for name in ("batch_size", "sampler", "batch_sampler", "drop_last", "dataset"):
            with pytest.raises(ValueError, match=f"{name} attribute should not be set"):
                setattr(loader, name, None)
        loader.collate_fn = len
        assert next(iter(loader)) == 4
        worker_loader = lib.utils.data.DataLoader(dataset, num_workers=2)
        assert worker_loader.prefetch_factor == 2 and not worker_loader.persistent_workers

    def test_getitems_is_preferred(self, lib):
        class Many(Squares):
            def __getitems__(self, indices):
                return [(np.int64(7), i) for i in indices]

        loader = lib.utils.data.DataLoader(Many(), batch_size=3, sampler=[1, 2, 4])
        assert plain(next(iter(loader)))[1][0][2] == [7, 7, 7]
        subset = lib.utils.data.Subset(Many(), [5, 6, 8])
        assert plain(next(iter(lib.utils.data.DataLoader(subset, batch_size=2))))[1][1][2] == [5, 6]

    def test_an_error_in_the_dataset(self, lib):
        loader = lib.utils.data.DataLoader(Squares(), sampler=[1, 99])
        with pytest.raises(IndexError):
            list(loader)

    def test_iterators_are_independent(self, lib):
        loader = lib.utils.data.DataLoader(range(4))
        pairs = [(int(a), int(b)) for a in loader for b in loader]
        assert pairs == list(itertools.product(range(4), repeat=2))

    def test_an_empty_dataset(self, lib):
        loader = lib.utils.data.DataLoader([], batch_size=3)
        assert len(loader) == 0 and list(loader) == []

    def test_subclasses_choose_how_samples_are_made(self, lib):
        """A dataset's own way of making batches at once must not go past an override."""

        class Doubled(lib.utils.data.TensorDataset):
            def __getitem__(self, index):
                (value,) = super().__getitem__(index)
                return (value * 2,)

        dataset = Doubled(lib.arange(6))
        assert [b.tolist() for (b,) in lib.utils.data.DataLoader(dataset, batch_size=3)] == [
            [0, 2, 4],
            [6, 8, 10],
        ]

        class Listed(lib.utils.data.TensorDataset):
            def __getitems__(self, indices):
                return [(lib.tensor(-i),) for i in indices]

        listed = lib.utils.data.DataLoader(Listed(lib.arange(3)), batch_size=3)
        assert [b.tolist() for (b,) in listed] == [[0, -1, -2]]
        part = lib.utils.data.Subset(dataset, [5, 1])
        assert [b.tolist() for (b,) in lib.utils.data.DataLoader(part, batch_size=2)] == [[10, 2]]


class Count:
    """Iterates over its part of range(n); a base class is mixed in for each library."""

    def __init__(self, lib, count, length=None):
        self.lib, self.count, self.length = lib, count, length

    def __iter__(self):
        info = self.lib.utils.data.get_worker_info()
        first, step = (0, 1) if info is None else (info.id, info.num_workers)
        return iter(range(first, self.count, step))


def counter(lib, count):
    return type("Counter", (Count, lib.utils.data.IterableDataset), {})(lib, count)


@pytest.mark.filterwarnings("ignore:This DataLoader will create")  # torch, on few cores
class TestIterable:
    @pytest.mark.parametrize("workers", [0, 1, 2, 3])
    @pytest.mark.parametrize("drop_last", [False, True])
    @pytest.mark.parametrize("size", [1, 4, None])
    def test_same_batches_as_torch(self, torch, workers, drop_last, size):
        if size is None and drop_last:
            return
        options = {"batch_size": size, "num_workers": workers, "drop_last": drop_last}
        ours = data.DataLoader(counter(minitorch, 22), **options)
        theirs = torch.utils.data.DataLoader(counter(torch, 22), **options)
        assert [plain(b) for b in ours] == [plain(b) for b in theirs]

    def test_refused_options(self, lib):
        for options in ({"shuffle": True}, {"sampler": [1]}, {"batch_sampler": [[1]]}):
            with pytest.raises(ValueError, match="IterableDataset"):
                lib.utils.data.DataLoader(counter(lib, 3), **options)

    def test_length(self, lib):
        dataset = counter(lib, 10)
        with pytest.raises(TypeError):
            len(lib.utils.data.DataLoader(dataset, batch_size=4))
        type(dataset).__len__ = lambda self: self.count
        assert len(lib.utils.data.DataLoader(dataset, batch_size=4)) == 3
        assert len(lib.utils.data.DataLoader(dataset, batch_size=4, drop_last=True)) == 2
        assert len(lib.utils.data.DataLoader(dataset, batch_size=None)) == 10

    def test_chain(self, lib):
        chain = counter(lib, 3) + counter(lib, 2)
        assert isinstance(chain, lib.utils.data.ChainDataset)
        assert [int(x) for x in lib.utils.data.DataLoader(chain)] == [0, 1, 2, 0, 1]
        with pytest.raises((TypeError, AssertionError), match="only supports IterableDataset"):
            list(lib.utils.data.ChainDataset([[1]]))


Point = collections.namedtuple("Point", "x y")


class TestCollate:
    @pytest.mark.parametrize(
        "batch",
        [
            [1, 2, 3],
            [1.5, 2.0],
            [True, False],
            ["a", "bc"],
            [b"a", b"bc"],
            [np.float32(1), np.float32(2)],
            [np.bool_(True), np.bool_(False)],
            [np.uint8(1), np.uint8(2)],
            [np.zeros((2, 3)), np.ones((2, 3))],
            [np.array(4), np.array(5)],
            [(1, 2.0), (3, 4.0)],
            [[1, "x"], [2, "y"]],
            [{"a": 1, "b": (2.0, 3)}, {"a": 4, "b": (5.0, 6)}],
            [Point(1, 2.5), Point(3, 4.5)],
            [(), ()],
            [([1, 2], {"k": np.arange(3)}), ([3, 4], {"k": np.arange(3)})],
            [collections.OrderedDict(a=1), collections.OrderedDict(a=2)],
            [np.zeros((0, 2)), np.zeros((0, 2))],
        ],
        ids=str,
    )
    def test_same_as_torch(self, torch, batch):
        ours = data.default_collate(batch)
        theirs = torch.utils.data.default_collate(batch)
        assert type(ours).__name__ == type(theirs).__name__
        assert plain(ours) == plain(theirs)

    def test_tensors(self, lib):
        result = lib.utils.data.default_collate([lib.ones(2, 3), lib.zeros(2, 3)])
        assert result.shape == (2, 2, 3) and not result.requires_grad
        parameter = lib.ones(2, requires_grad=True)
        lib.utils.data.default_collate([parameter, parameter]).sum().backward()
        assert parameter.grad.tolist() == [2.0, 2.0]

    @pytest.mark.parametrize("batch", [[object()], [None, None], [np.array(["a"])]], ids=str)
    def test_types_that_cannot_be_collated(self, lib, batch):
        with pytest.raises(TypeError, match="default_collate: batch must contain"):
            lib.utils.data.default_collate(batch)

    def test_sizes_that_differ(self, lib):
        with pytest.raises(RuntimeError, match="each element in list of batch should be of equal"):
            lib.utils.data.default_collate([[1, 2], [3]])
        with pytest.raises(RuntimeError, match="stack expects each tensor to be equal size"):
            lib.utils.data.default_collate([lib.ones(2), lib.ones(3)])

    @pytest.mark.parametrize(
        "sample",
        [1, "a", np.arange(3), np.float32(2), [np.arange(2), 1], {"k": np.ones(1)}, (1, np.ones(1)),
         Point(np.ones(1), 2), None, np.array(["x"])],
        ids=str,
    )  # fmt: skip
    def test_convert(self, torch, sample):
        ours = data.default_convert(sample)
        assert plain(ours) == plain(torch.utils.data.default_convert(sample))

    def test_own_functions(self, lib):
        module = lib.utils.data._utils.collate if lib is not minitorch else data.collate
        functions = {complex: lambda batch, *, collate_fn_map: sum(batch)}
        functions.update(module.default_collate_fn_map)
        assert module.collate([(1j, 2), (3j, 4)], collate_fn_map=functions)[0] == 4j


class TestDatasets:
    def test_tensor_dataset(self, lib):
        dataset = lib.utils.data.TensorDataset(lib.arange(6).view(3, 2), lib.arange(3))
        assert len(dataset) == 3
        row, label = dataset[1]
        assert row.tolist() == [2, 3] and label.item() == 1
        batches = list(lib.utils.data.DataLoader(dataset, batch_size=2, shuffle=False))
        assert isinstance(batches[0], list)
        assert [[t.tolist() for t in b] for b in batches] == [
            [[[0, 1], [2, 3]], [0, 1]],
            [[[4, 5]], [2]],
        ]
        with pytest.raises((ValueError, AssertionError), match="Size mismatch between tensors"):
            lib.utils.data.TensorDataset(lib.ones(2), lib.ones(3))
        with pytest.raises(IndexError):
            list(lib.utils.data.DataLoader(dataset, sampler=[3]))

    def test_concat(self, lib):
        concat = lib.utils.data.ConcatDataset([[1, 2], [3], [4, 5]])
        assert [concat[i] for i in range(5)] == [1, 2, 3, 4, 5] and concat[-1] == 5
        assert len(concat) == 5 and concat.cumulative_sizes == [2, 3, 5]
        with pytest.raises(ValueError, match="absolute value of index should not exceed"):
            concat[-6]
        with pytest.raises(IndexError):
            concat[5]
        with pytest.raises((ValueError, AssertionError), match="should not be an empty iterable"):
            lib.utils.data.ConcatDataset([])
        with pytest.raises((TypeError, AssertionError), match="does not support IterableDataset"):
            lib.utils.data.ConcatDataset([counter(lib, 2)])
        dataset = lib.utils.data.TensorDataset(lib.arange(2))
        assert len(dataset + dataset) == 4

    def test_stack(self, lib):
        stack = lib.utils.data.StackDataset([1, 2, 3], "abc")
        assert stack[1] == (2, "b") and stack.__getitems__([0, 2]) == [(1, "a"), (3, "c")]
        named = lib.utils.data.StackDataset(number=[1, 2], letter="ab")
        assert named[0] == {"number": 1, "letter": "a"} and len(named) == 2
        assert named.__getitems__([1]) == [{"number": 2, "letter": "b"}]
        for arguments, names in [(([1], [1, 2]), {}), ((), {}), (([1],), {"a": [1]})]:
            with pytest.raises(ValueError):
                lib.utils.data.StackDataset(*arguments, **names)

    def test_subset(self, lib):
        subset = lib.utils.data.Subset("abcdef", [4, 0, 2])
        assert len(subset) == 3 and subset[0] == "e"
        assert subset.__getitems__([0, 2]) == ["e", "c"]

    def test_base_classes(self, lib):
        with pytest.raises(NotImplementedError):
            lib.utils.data.Dataset()[0]
        with pytest.raises((NotImplementedError, TypeError)):
            iter(lib.utils.data.IterableDataset())
        assert isinstance(lib.utils.data.Dataset[int], object)

    @pytest.mark.parametrize(
        "lengths", [[3, 7], [10], [0, 10], [0.3, 0.7], [0.33, 0.33, 0.34], [0.5, 0.25, 0.25]]
    )
    def test_random_split(self, lib, lengths):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            parts = lib.utils.data.random_split(range(10), lengths)
        assert sorted(x for part in parts for x in part) == list(range(10))
        if isinstance(lengths[0], int):
            assert [len(part) for part in parts] == lengths

    @pytest.mark.parametrize("count", [0, 1, 7, 10, 99])
    @pytest.mark.parametrize("fractions", [[0.3, 0.7], [0.33, 0.33, 0.34], [0.999, 0.001]])
    @pytest.mark.filterwarnings("ignore:Length of split")
    def test_fractions_round_as_torch(self, torch, count, fractions):
        ours = data.random_split(range(count), fractions)
        theirs = torch.utils.data.random_split(range(count), fractions)
        assert [len(part) for part in ours] == [len(part) for part in theirs]

    def test_random_split_errors_and_seed(self, lib):
        with pytest.raises(ValueError, match="does not equal the length of the input dataset"):
            lib.utils.data.random_split(range(10), [3, 8])
        with pytest.raises(ValueError, match="Fraction at index 0 is not between 0 and 1"):
            lib.utils.data.random_split(range(10), [-0.5, 1.5])
        with pytest.warns(UserWarning, match="Length of split at index 1 is 0"):
            lib.utils.data.random_split(range(1), [0.9, 0.1])
        generators = [lib.Generator().manual_seed(s) for s in (1, 1, 2)]
        parts = [lib.utils.data.random_split(range(30), [10, 20], g) for g in generators]
        a, b, c = (list(part[0]) for part in parts)
        assert a == b != c


class TestSamplers:
    def test_sequential(self, lib):
        sampler = lib.utils.data.SequentialSampler("abc")
        assert list(sampler) == [0, 1, 2] and len(sampler) == 3

    @pytest.mark.parametrize("count", [1, 3, 10, 25, 30])
    def test_random(self, lib, count):
        sampler = lib.utils.data.RandomSampler(range(10), num_samples=count)
        drawn = list(sampler)
        assert len(drawn) == len(sampler) == sampler.num_samples == count
        for start in range(0, count, 10):
            part = drawn[start : start + 10]
            assert len(set(part)) == len(part) and set(part) <= set(range(10))

    def test_random_with_replacement(self, lib):
        sampler = lib.utils.data.RandomSampler(range(4), replacement=True, num_samples=400)
        counts = np.bincount(list(sampler), minlength=4)
        assert counts.sum() == 400 and counts.min() > 60
        assert len(list(lib.utils.data.RandomSampler(range(40), replacement=True))) == 40

    @pytest.mark.parametrize("value", [0, -1, 2.5, True])
    def test_counts_are_checked(self, lib, value):
        if value is not True:
            with pytest.raises(ValueError, match="num_samples should be a positive integer"):
                lib.utils.data.RandomSampler(range(3), num_samples=value)
        with pytest.raises(ValueError, match="num_samples should be a positive integer"):
            lib.utils.data.WeightedRandomSampler([1.0], value)
        with pytest.raises(ValueError, match="batch_size should be a positive integer"):
            lib.utils.data.BatchSampler(range(3), value, False)

    def test_other_arguments_are_checked(self, lib):
        with pytest.raises(TypeError, match="replacement should be a boolean"):
            lib.utils.data.RandomSampler(range(3), replacement=1)
        with pytest.raises(ValueError, match="replacement should be a boolean"):
            lib.utils.data.WeightedRandomSampler([1.0], 1, replacement=1)
        with pytest.raises(ValueError, match="drop_last should be a boolean"):
            lib.utils.data.BatchSampler(range(3), 1, 1)
        with pytest.raises(ValueError, match="weights should be a 1d sequence"):
            lib.utils.data.WeightedRandomSampler([[1.0]], 1)

    def test_subset_random(self, lib):
        sampler = lib.utils.data.SubsetRandomSampler([5, 7, 9])
        assert sorted(sampler) == [5, 7, 9] and len(sampler) == 3

    def test_weighted(self, lib):
        sampler = lib.utils.data.WeightedRandomSampler([1, 0, 3], 4000)
        counts = np.bincount(list(sampler), minlength=3)
        assert counts[1] == 0 and abs(counts[2] - 3000) < 150
        assert sorted(lib.utils.data.WeightedRandomSampler([1, 2, 3], 3, False)) == [0, 1, 2]

    @pytest.mark.parametrize(("count", "size"), [(10, 3), (9, 3), (2, 3), (0, 3)])
    @pytest.mark.parametrize("drop_last", [False, True])
    def test_batch(self, torch, count, size, drop_last):
        ours = data.BatchSampler(data.SequentialSampler(range(count)), size, drop_last)
        sequential = torch.utils.data.SequentialSampler(range(count))
        theirs = torch.utils.data.BatchSampler(sequential, size, drop_last)
        assert list(ours) == list(theirs) and len(ours) == len(theirs)

    @pytest.mark.parametrize("count", [1, 2, 7, 8, 9, 12])
    @pytest.mark.parametrize("drop_last", [False, True])
    @pytest.mark.parametrize("replicas", [1, 3, 4])
    def test_distributed(self, torch, count, drop_last, replicas):
        for rank in range(replicas):
            arguments = (range(count), replicas, rank, False, 0, drop_last)
            ours = data.DistributedSampler(*arguments)
            theirs = torch.utils.data.DistributedSampler(*arguments)
            assert list(ours) == list(theirs) and len(ours) == len(theirs)

    def test_distributed_shuffles_alike_everywhere(self, lib):
        make = lib.utils.data.DistributedSampler
        samplers = [make(range(12), 3, rank, seed=4) for rank in range(3)]
        first = [list(s) for s in samplers]
        assert sorted(itertools.chain(*first)) == list(range(12))
        for sampler in samplers:
            sampler.set_epoch(1)
        assert [list(s) for s in samplers] != first
        with pytest.raises(ValueError, match="Invalid rank 3"):
            make(range(12), 3, 3)

    def test_distributed_on_one_process(self):
        assert sorted(data.DistributedSampler(range(5))) == [0, 1, 2, 3, 4]

    def test_a_class_of_ones_own(self, lib):
        class Even(lib.utils.data.Sampler):
            def __init__(self, source):
                self.source = source

            def __iter__(self):
                return iter(range(0, len(self.source), 2))

            def __len__(self):
                return (len(self.source) + 1) // 2

        loader = lib.utils.data.DataLoader(range(5), batch_size=2, sampler=Even(range(5)))
        assert [b.tolist() for b in loader] == [[0, 2], [4]] and len(loader) == 2
