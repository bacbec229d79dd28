"""Schedules of the learning rate, step by step against PyTorch."""

import warnings

import pytest

import minitorch
from minitorch import optim
from minitorch.optim import lr_scheduler

SCHEDULES = {
    "lambda": ("LambdaLR", [lambda epoch: 0.9**epoch], {}),
    "lambdas": ("LambdaLR", [[lambda e: 0.9**e, lambda e: 1 / (e + 1)]], {}),
    "multiplicative": ("MultiplicativeLR", [lambda epoch: 0.95], {}),
    "step": ("StepLR", [3], {"gamma": 0.5}),
    "milestones": ("MultiStepLR", [[2, 5, 5, 9]], {"gamma": 0.3}),
    "constant": ("ConstantLR", [], {"factor": 0.25, "total_iters": 4}),
    "linear": ("LinearLR", [], {"start_factor": 0.1, "end_factor": 0.8, "total_iters": 7}),
    "exponential": ("ExponentialLR", [0.7], {}),
    "polynomial": ("PolynomialLR", [], {"total_iters": 8, "power": 2.0}),
    "cosine": ("CosineAnnealingLR", [5], {"eta_min": 0.001}),
    "cosine of one": ("CosineAnnealingLR", [1], {}),
    "restarts": ("CosineAnnealingWarmRestarts", [3], {}),
    "growing restarts": ("CosineAnnealingWarmRestarts", [2], {"T_mult": 2, "eta_min": 0.01}),
}


def ours():
    return optim.SGD(_groups(minitorch.nn.Parameter(minitorch.Tensor([1.0])), _another()), lr=0.1)


def _another():
    return minitorch.nn.Parameter(minitorch.Tensor([1.0]))


def _groups(a, b):
    return [{"params": [a]}, {"params": [b], "lr": 0.5}]


def theirs(torch):
    params = [torch.nn.Parameter(torch.ones(1)) for _ in range(2)]
    return torch.optim.SGD(_groups(*params), lr=0.1)


@pytest.fixture
def both(torch):
    return (ours(), lr_scheduler), (theirs(torch), torch.optim.lr_scheduler)


def make(optimizer, module, name, **more):
    cls, args, kwargs = SCHEDULES[name]
    return getattr(module, cls)(optimizer, *args, **kwargs, **more)


@pytest.mark.parametrize("name", SCHEDULES)
def test_trajectory(both, name):
    (opt, module), (opt_t, module_t) = both
    schedule, schedule_t = make(opt, module, name), make(opt_t, module_t, name)
    for _ in range(25):
        assert schedule.get_last_lr() == schedule_t.get_last_lr()
        assert [g["lr"] for g in opt.param_groups] == [g["lr"] for g in opt_t.param_groups]
        assert schedule.last_epoch == schedule_t.last_epoch
        for optimizer, s in ((opt, schedule), (opt_t, schedule_t)):
            optimizer.step()
            s.step()


@pytest.mark.parametrize("name", [n for n in SCHEDULES if "restarts" not in n])
def test_step_to_a_given_epoch(both, name):
    rates = []
    for opt, module in both:
        schedule = make(opt, module, name)
        opt.step()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for epoch in (4, 2, 9):
                schedule.step(epoch)
                rates.append(schedule.get_last_lr())
    assert rates[:3] == rates[3:]


def test_fractions_of_epochs(both):
    rates = []
    for opt, module in both:
        schedule = module.CosineAnnealingWarmRestarts(opt, 2, 2)
        for epoch in (0.5, 1.75, 2.25, 5.5, 6.0, 13.9, 14.1):
            schedule.step(epoch)
            rates.append(schedule.get_last_lr())
    assert rates[:7] == rates[7:]


@pytest.mark.parametrize(
    "name", [n for n in SCHEDULES if "lambda" not in n and n != "multiplicative"]
)
def test_resume(both, name):
    """A schedule continued from its state goes on as one that was never interrupted."""
    (opt, module), _ = both
    schedule = make(opt, module, name)
    for _ in range(4):
        opt.step()
        schedule.step()
    second = ours()
    resumed = make(second, module, name)
    second.load_state_dict(opt.state_dict())
    resumed.load_state_dict(schedule.state_dict())
    second.step()
    for _ in range(8):
        opt.step()
        schedule.step()
        resumed.step()
        assert resumed.get_last_lr() == schedule.get_last_lr()


@pytest.mark.parametrize("name", SCHEDULES)
def test_last_epoch(both, name):
    rates = []
    for opt, module in both:
        for group in opt.param_groups:
            group["initial_lr"] = group["lr"]
        schedule = make(opt, module, name, last_epoch=3)
        opt.step()
        for _ in range(6):
            rates.append(schedule.get_last_lr())
            schedule.step()
    assert rates[:6] == rates[6:]


def test_chained(both):
    rates = []
    for opt, module in both:
        schedules = [module.ExponentialLR(opt, 0.9), module.StepLR(opt, 2)]
        for _ in range(6):
            opt.step()
            for schedule in schedules:
                schedule.step()
            rates.append([group["lr"] for group in opt.param_groups])
    assert rates[:6] == rates[6:]


@pytest.mark.parametrize("mode", ["min", "max"])
@pytest.mark.parametrize("threshold_mode", ["rel", "abs"])
def test_plateau(both, mode, threshold_mode):
    measures = [1.0, 0.9, 0.9, 0.9, 0.9, 0.89999, 0.8, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 1.5, 0.1] * 2
    rates = []
    for opt, module in both:
        schedule = module.ReduceLROnPlateau(
            opt,
            mode,
            factor=0.5,
            patience=1,
            threshold=1e-3,
            threshold_mode=threshold_mode,
            cooldown=1,
            min_lr=[0.02, 0.1],
        )
        for measure in measures:
            schedule.step(measure)
            rates.append((schedule.get_last_lr(), schedule.num_bad_epochs, schedule.best))
    assert rates[: len(measures)] == rates[len(measures) :]


def test_order_of_steps_is_checked():
    schedule = lr_scheduler.StepLR(ours(), 1)
    with pytest.warns(UserWarning, match=r"before `optimizer\.step\(\)`"):
        schedule.step()


def test_get_lr_outside_of_step_warns():
    schedule = lr_scheduler.StepLR(ours(), 1)
    with pytest.warns(UserWarning, match="get_last_lr"):
        schedule.get_lr()


def test_subclass_of_the_old_base_class():
    class Warmup(lr_scheduler._LRScheduler):
        def get_lr(self):
            return [base * min(1, (self.last_epoch + 1) / 4) for base in self.base_lrs]

    opt = ours()
    schedule = Warmup(opt)
    rates = []
    for _ in range(5):
        rates.append(schedule.get_last_lr()[0])
        opt.step()
        schedule.step()
    assert rates == pytest.approx([0.025, 0.05, 0.075, 0.1, 0.1])


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda o: lr_scheduler.StepLR(3, 1), TypeError, "int is not an Optimizer"),
        (lambda o: lr_scheduler.StepLR(o, 1, last_epoch=2), KeyError, "initial_lr"),
        (lambda o: lr_scheduler.LambdaLR(o, [abs]), ValueError, "Expected 2 lr_lambdas"),
        (lambda o: lr_scheduler.LinearLR(o, 0.0), ValueError, "Starting multiplicative factor"),
        (lambda o: lr_scheduler.LinearLR(o, 0.5, 2.0), ValueError, "Ending multiplicative factor"),
        (lambda o: lr_scheduler.ConstantLR(o, 2.0), ValueError, "between 0 and 1"),
        (lambda o: lr_scheduler.ReduceLROnPlateau(o, factor=1), ValueError, "Factor should be"),
        (lambda o: lr_scheduler.ReduceLROnPlateau(o, "low"), ValueError, "mode low is unknown"),
        (lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, 0), ValueError, "T_0"),
    ],
)
def test_errors(make, error, text):
    with pytest.raises(error, match=text):
        make(ours())
