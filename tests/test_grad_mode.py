"""Switches of recording: nesting, decorators, generators, threads; compared with PyTorch."""

import threading

import pytest


def enabled(lib):
    return lib.module.is_grad_enabled()


def test_nesting(lib):
    m = lib.module
    with m.no_grad():
        assert not enabled(lib)
        with m.enable_grad():
            assert enabled(lib)
            with m.set_grad_enabled(False):
                assert not enabled(lib)
            assert enabled(lib)
        assert not enabled(lib)
        with m.inference_mode(False):
            assert enabled(lib)
    assert enabled(lib)


def test_an_error_restores(lib):
    with pytest.raises(ZeroDivisionError), lib.module.no_grad():
        1 / 0  # noqa: B018
    assert enabled(lib)


def test_decorators(lib):
    m = lib.module

    @m.no_grad()
    def called():
        """Documented."""
        return enabled(lib)

    @m.no_grad
    def bare():
        return enabled(lib)

    @m.enable_grad()
    def enabling():
        return enabled(lib)

    @m.set_grad_enabled(False)
    def setting():
        return enabled(lib)

    @m.inference_mode
    def inferring():
        return m.is_inference_mode_enabled(), enabled(lib)

    assert not called()
    assert called.__doc__ == "Documented."
    assert not bare()
    assert not setting()
    assert inferring() == (True, False)
    with m.no_grad():
        assert enabling()
    assert enabled(lib)


def test_a_decorated_function_may_recurse(lib):
    @lib.module.no_grad()
    def down(n):
        return enabled(lib) if n == 0 else down(n - 1) or enabled(lib)

    assert not down(5)
    assert enabled(lib)


def test_a_decorated_class_stays_a_class():
    import minitorch

    @minitorch.no_grad()
    class Thing:
        def __init__(self):
            self.enabled = minitorch.is_grad_enabled()

    assert isinstance(Thing(), Thing)
    assert not Thing().enabled


def test_generators(lib):
    seen = []

    @lib.module.no_grad()
    def generate():
        try:
            got = yield enabled(lib)
            seen.append((got, enabled(lib)))
            try:
                yield 2
            except KeyError:
                seen.append(("caught", enabled(lib)))
                yield 3
        finally:
            seen.append(("closing", enabled(lib)))

    generator = generate()
    assert next(generator) is False
    assert enabled(lib)
    assert generator.send(5) == 2
    assert generator.throw(KeyError()) == 3
    assert enabled(lib)
    generator.close()
    assert seen == [(5, False), ("caught", False), ("closing", False)]

    @lib.module.no_grad()
    def returning():
        yield 1
        return 7

    def delegating():
        return (yield from returning())

    generator = delegating()
    next(generator)
    with pytest.raises(StopIteration) as stop:
        next(generator)
    assert stop.value.value == 7


def test_threads_start_with_recording(lib):
    seen = []
    with lib.module.no_grad():
        thread = threading.Thread(target=lambda: seen.append(enabled(lib)))
        thread.start()
        thread.join()
    assert seen == [True]


def test_set_grad_enabled_as_a_function(lib):
    lib.module.set_grad_enabled(False)
    try:
        assert not enabled(lib)
        assert not (lib.ones(2) * 2).requires_grad
    finally:
        lib.module.set_grad_enabled(True)
    assert enabled(lib)


def test_inference_mode_is_not_left_by_enable_grad(lib):
    m = lib.module
    x = lib.ones(2)
    with m.inference_mode():
        assert m.is_inference_mode_enabled()
        assert not enabled(lib)
        with m.enable_grad():
            assert m.is_inference_mode_enabled()
            assert not (x * 2).requires_grad
        with m.inference_mode(False):
            assert not m.is_inference_mode_enabled()
            assert (x * 2).requires_grad
        assert m.is_inference_mode_enabled()
    assert not m.is_inference_mode_enabled()
    assert (x * 2).requires_grad


def test_one_object_entered_twice():
    import minitorch

    mode = minitorch.no_grad()
    with mode:
        with mode:
            assert not minitorch.is_grad_enabled()
        assert not minitorch.is_grad_enabled()
    assert minitorch.is_grad_enabled()


def test_results_without_recording(lib):
    x = lib.ones(2)
    with lib.module.no_grad():
        y = x * 2
        assert not y.requires_grad
        assert y.is_leaf
        assert y.grad_fn is None
        x.mul_(3)  # a leaf may be written here
    y.requires_grad_()
    (x * y).sum().backward()
    assert x.grad.tolist() == [2, 2]
    assert y.grad.tolist() == [3, 3]


def test_a_view_made_without_recording_and_written_with_it(lib):
    x, w = lib.ones(4) * 1, lib.ones(2, 2)
    with lib.module.no_grad():
        v = x.view(2, 2)
    with pytest.raises(RuntimeError, match="view"):
        v.mul_(2)
    base = lib.ones(4, grad=False)
    with lib.module.no_grad():
        v = base.view(2, 2)
    v.mul_(2)  # nothing to record
    if not lib.is_torch:  # which lets `base` change without a history
        with pytest.raises(RuntimeError, match="no_grad"):
            v.mul_(w)
        assert base.tolist() == [2, 2, 2, 2]


def test_first_order_backward_runs_without_recording(lib):
    seen = []
    x = lib.ones(2)
    (y := x * 2).register_hook(lambda g: seen.append(enabled(lib)))
    y.sum().backward()
    assert seen == [False]
    assert enabled(lib)
