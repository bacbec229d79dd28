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
    "cyclic": ("CyclicLR", [0.01, 0.2], {"step_size_up": 3, "cycle_momentum": False}),
    "cyclic momentum": (
        "CyclicLR",
        [[0.01, 0.02], [0.2, 0.3]],
        {"step_size_up": 3, "step_size_down": 5, "mode": "triangular2"},
    ),
    "cyclic range": (
        "CyclicLR",
        [0.01, 0.2],
        {"step_size_up": 2, "mode": "exp_range", "gamma": 0.9},
    ),
    "one cycle": ("OneCycleLR", [0.3], {"total_steps": 40}),
    "one cycle linear": (
        "OneCycleLR",
        [[0.3, 0.1]],
        {"epochs": 4, "steps_per_epoch": 10, "anneal_strategy": "linear", "cycle_momentum": False},
    ),
    "one cycle in three": ("OneCycleLR", [0.3], {"total_steps": 40, "three_phase": True}),
    "restarts": ("CosineAnnealingWarmRestarts", [3], {}),
    "growing restarts": ("CosineAnnealingWarmRestarts", [2], {"T_mult": 2, "eta_min": 0.01}),
}


def ours():
    return optim.SGD(_groups(_another(), _another()), lr=0.1, momentum=0.9)


def _another():
    return minitorch.nn.Parameter(minitorch.Tensor([1.0]))


def _groups(a, b):
    return [{"params": [a]}, {"params": [b], "lr": 0.5}]


def theirs(torch):
    params = [torch.nn.Parameter(torch.ones(1)) for _ in range(2)]
    return torch.optim.SGD(_groups(*params), lr=0.1, momentum=0.9)


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
        momenta = [[g["momentum"] for g in o.param_groups] for o in (opt, opt_t)]
        assert momenta[0] == momenta[1]
        assert schedule.last_epoch == schedule_t.last_epoch
        for optimizer, s in ((opt, schedule), (opt_t, schedule_t)):
            optimizer.step()
            s.step()


@pytest.mark.parametrize("name", [n for n in SCHEDULES if "restarts" not in n and "cycl" not in n])
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


@pytest.mark.parametrize("name", [n for n in SCHEDULES if "cycl" not in n])
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


def test_momentum_of_adam_is_its_first_beta(torch):
    found = []
    for package in (minitorch, torch):
        opt = package.optim.Adam([package.nn.Parameter(package.ones(1))], lr=0.1)
        schedule = package.optim.lr_scheduler.OneCycleLR(opt, 0.5, total_steps=12)
        for _ in range(11):
            opt.step()
            schedule.step()
            found.append(opt.param_groups[0]["betas"])
    assert found[:11] == found[11:]


def test_one_cycle_ends(both):
    for opt, module in both:
        schedule = module.OneCycleLR(opt, 0.5, total_steps=2)
        opt.step()
        schedule.step()
        schedule.step()
        with pytest.raises(ValueError, match="Tried to step 3 times"):
            schedule.step()


def sequence(opt, module):
    return module.SequentialLR(
        opt,
        [
            module.LinearLR(opt, 0.1, total_iters=3),
            module.CosineAnnealingLR(opt, 4),
            module.ExponentialLR(opt, 0.5),
        ],
        milestones=[3, 7],
    )


def chain(opt, module):
    return module.ChainedScheduler(
        [module.ConstantLR(opt, 0.1, 2), module.ExponentialLR(opt, gamma=0.9)]
    )


@pytest.mark.parametrize("build", [sequence, chain])
def test_several(both, build):
    rates = []
    for opt, module in both:
        schedule = build(opt, module)
        rates.append(schedule.get_last_lr())
        for _ in range(12):
            opt.step()
            schedule.step()
            rates.append(schedule.get_last_lr())
    assert rates[:13] == rates[13:]


@pytest.mark.parametrize("build", [sequence, chain])
def test_several_resume(both, build):
    (opt, module), _ = both
    schedule = build(opt, module)
    for _ in range(5):
        opt.step()
        schedule.step()
    second = ours()
    resumed = build(second, module)
    second.load_state_dict(opt.state_dict())
    resumed.load_state_dict(schedule.state_dict())
    for _ in range(5):
        for o, s in ((opt, schedule), (second, resumed)):
            o.step()
            s.step()
        assert resumed.get_last_lr() == schedule.get_last_lr()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda o, m: m.ChainedScheduler([]), "expects at least one scheduler"),
        (lambda o, m: m.ChainedScheduler([m.ReduceLROnPlateau(o)]), "does not support `ReduceLR"),
        (lambda o, m: m.SequentialLR(o, [m.StepLR(o, 1)], [1]), "one more"),
        (lambda o, m: m.OneCycleLR(o, 0.1), "You must define either total_steps"),
        (lambda o, m: m.OneCycleLR(o, 0.1, 5, pct_start=2.0), "between 0 and 1 pct_start"),
        (lambda o, m: m.OneCycleLR(o, 0.1, 5, anneal_strategy="x"), "anneal_strategy must"),
        (lambda o, m: m.CyclicLR(o, [0.1], 0.2), "must have the same length"),
        (lambda o, m: m.CyclicLR(o, 0.1, 0.2, mode="x"), "mode is invalid"),
    ],
)
def test_errors_of_the_composed(both, call, message):
    for opt, module in both:
        with pytest.raises(ValueError, match=message):
            call(opt, module)
