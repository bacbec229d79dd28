"""In-place variants that are the function, its result written into the first argument."""

from __future__ import annotations

from . import elementwise, matmul, reduce
from .arrange import index_reduce
from .special import written
from .statistics import renorm

addbmm_ = written(matmul.addbmm)
addmv_ = written(matmul.addmv)
addr_ = written(matmul.addr)
baddbmm_ = written(matmul.baddbmm)
cumprod_ = written(reduce.cumprod)
cumsum_ = written(reduce.cumsum)
float_power_ = written(elementwise.float_power)
hypot_ = written(elementwise.hypot)
index_reduce_ = written(index_reduce)
renorm_ = written(renorm)

# Other names of the same functions.
arccos_, arccosh_ = elementwise.acos_, elementwise.acosh_
arcsin_, arcsinh_ = elementwise.asin_, elementwise.asinh_
arctan_, arctanh_, arctan2_ = elementwise.atan_, elementwise.atanh_, elementwise.atan2_
fix_ = elementwise.trunc_
greater_, greater_equal_ = elementwise.gt_, elementwise.ge_
less_, less_equal_, not_equal_ = elementwise.lt_, elementwise.le_, elementwise.ne_

# What the package offers at its top, beside the methods.
NAMES = """
    abs_ absolute_ acos_ acosh_ addmv_ arccos_ arccosh_ arcsin_ arcsinh_ arctan_ arctanh_
    as_strided_ asin_ asinh_ atan_ atanh_ ceil_ clamp_ clamp_max_ clamp_min_ clip_ cos_
    cosh_ deg2rad_ erf_ erfc_ exp2_ exp_ expm1_ fill_ fix_ floor_ frac_ gcd_ i0_ index_put_
    lcm_ ldexp_ log10_ log1p_ log2_ log_ logit_ nan_to_num_ neg_ negative_ rad2deg_
    reciprocal_ resize_as_ round_ rsqrt_ sigmoid_ sin_ sinc_ sinh_ sqrt_ square_ tan_ tanh_
    trunc_ xlogy_ zero_
"""

# Functions and methods that accept numpy's name `axis` for `dim` where users call them.
WITH_AXIS = """
    argsort chunk count_nonzero index_select kthvalue log_softmax repeat_interleave select softmax
    sort squeeze tensor_split topk unbind unsqueeze
"""
