"""Settings of CUDA's libraries, which can be set and change nothing."""


class matmul:
    """Settings of matrix products."""

    allow_tf32 = False
    allow_fp16_reduced_precision_reduction = True
    allow_bf16_reduced_precision_reduction = True


def is_built() -> bool:
    """Whether this was built with CUDA: False."""
    return False
