"""Whether operations are recorded: a switch per thread, turned by context managers."""

from __future__ import annotations

import functools
import inspect
import threading

__all__ = [
    "enable_grad",
    "inference_mode",
    "is_grad_enabled",
    "is_inference_mode_enabled",
    "no_grad",
    "set_grad_enabled",
]


class _State(threading.local):
    """What the funnel of operations asks at each call; every thread starts with these.

    Who asks for several reads the thread's ``__dict__``, because each look takes its time.
    """

    def __init__(self):
        self.grad = True  # is a graph recorded (inside a backward: is that itself recorded)
        self.inference = False
        self.recorder = None  # autograd.trace.Recorder in use, if any
        self.anomaly = False  # autograd.set_detect_anomaly


state = _State()


class _Mode:
    """Context manager and decorator (of functions and generator functions) that sets `state`.

    Inference mode, unless it is left explicitly, wins over a wish to record.
    """

    def __init__(self, grad: bool, inference: bool | None = None):
        self._wanted = (grad, inference)
        self._before = []

    def __enter__(self):
        self._before.append((state.grad, state.inference))
        grad, inference = self._wanted
        if inference is not None:
            state.inference = inference
        state.grad = grad and not state.inference
        return self

    def __exit__(self, *exc):
        state.grad, state.inference = self._before.pop()

    def __call__(self, function):
        if inspect.isclass(function):  # the mode holds while an instance is made
            function.__init__ = self(function.__init__)
            return function
        if inspect.isgeneratorfunction(function):
            return self._around_generator(function)

        @functools.wraps(function)
        def inside(*args, **kwargs):
            with _Mode(*self._wanted):
                return function(*args, **kwargs)

        return inside

    def _around_generator(self, function):
        # The mode holds while the generator runs, not while its consumer does.
        @functools.wraps(function)
        def inside(*args, **kwargs):
            generator = function(*args, **kwargs)
            resume, argument = generator.send, None
            try:
                while True:
                    with _Mode(*self._wanted):
                        item = resume(argument)
                    try:
                        argument = yield item
                        resume = generator.send
                    except GeneratorExit:
                        raise
                    except BaseException as error:
                        resume, argument = generator.throw, error
            except StopIteration as stop:
                return stop.value
            finally:
                with _Mode(*self._wanted):
                    generator.close()

        return inside


class no_grad(_Mode):
    """Record nothing inside: results do not require gradients.

    Context manager and decorator, ``with no_grad():``, ``@no_grad()`` or ``@no_grad``.
    """

    def __new__(cls, function=None):
        self = super().__new__(cls)
        if function is None:
            return self
        self.__init__()
        return self(function)

    def __init__(self):
        super().__init__(False)


class enable_grad(_Mode):
    """Record again inside a `no_grad` block. Context manager and decorator."""

    def __new__(cls, function=None):
        self = super().__new__(cls)
        if function is None:
            return self
        self.__init__()
        return self(function)

    def __init__(self):
        super().__init__(True)


class inference_mode(_Mode):
    """Like `no_grad`; the name says that no gradient will ever be wanted.

    Parameters
    ----------
    mode : bool
        ``False`` leaves inference mode.
    """

    def __new__(cls, mode=True):
        self = super().__new__(cls)
        if not callable(mode):
            return self
        self.__init__()
        return self(mode)

    def __init__(self, mode: bool = True):
        super().__init__(not mode, mode)


class set_grad_enabled(_Mode):
    """Switch recording on or off: at once when called, back again when used as a context manager.

    Parameters
    ----------
    mode : bool
        Whether operations are recorded.
    """

    def __init__(self, mode: bool):
        super().__init__(bool(mode))
        super().__enter__()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        state.grad, state.inference = self._before[0]

    def __call__(self, function):
        self.__exit__()  # as a decorator it acts only inside the function
        return super().__call__(function)


def is_grad_enabled() -> bool:
    """Whether operations are being recorded in this thread."""
    return state.grad


def is_inference_mode_enabled() -> bool:
    """Whether this thread is inside `inference_mode`."""
    return state.inference
