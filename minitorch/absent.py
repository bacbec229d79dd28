"""Names of ``torch`` that minitorch has on purpose not: calling one says what to use instead."""

from __future__ import annotations

__all__ = ["ABSENT", "absent"]

_DENSE = "there are no sparse tensors; use dense ones (index_add, scatter_add, masks)"
_FLOAT = "there are no quantised tensors; use float32 (or int8 tensors and a scale of your own)"
_REAL = "there are no complex tensors; use two real ones (a last dimension of size 2)"
_FFT = "there is no Fourier transform; use numpy.fft on tensor.numpy()"
_CUDA = "minitorch computes on the CPU only; leave the call out"
_OTHER = "use numpy on tensor.numpy()"

_TORCH = {
    _DENSE: """dsmm hsmm hspmm resize_as_sparse_ saddmm smm sparse_bsc_tensor sparse_bsr_tensor
        sparse_compressed_tensor sparse_coo_tensor sparse_csc_tensor sparse_csr_tensor spmm
        sspaddmm nonzero_static""",
    _FLOAT: """choose_qparams_optimized dequantize empty_quantized
        fake_quantize_per_channel_affine fake_quantize_per_tensor_affine
        fused_moving_avg_obs_fake_quant int_repr q_per_channel_axis q_per_channel_scales
        q_per_channel_zero_points q_scale q_zero_point quantize_per_channel quantize_per_tensor
        quantize_per_tensor_dynamic quantized_batch_norm quantized_gru quantized_gru_cell
        quantized_lstm quantized_lstm_cell quantized_max_pool1d quantized_max_pool2d
        quantized_max_pool3d quantized_rnn_relu_cell quantized_rnn_tanh_cell""",
    _REAL: "complex polar view_as_complex view_as_complex_copy view_as_real view_as_real_copy",
    _FFT: "stft istft",
    _OTHER: """binomial cholesky_inverse cholesky_solve geqrf histogramdd igamma igammac lobpcg lu
        lu_solve lu_unpack orgqr ormqr pca_lowrank svd_lowrank triangular_solve segment_reduce
        hash_tensor""",
    "removed from PyTorch; use linalg": "eig lstsq matrix_rank solve symeig",
    "there is one way to run: Python": "cond while_loop fork wait import_ir_module",
}

_TENSOR = {
    _DENSE: """ccol_indices coalesce col_indices crow_indices dense_dim indices is_coalesced
        nonzero_static resize_as_sparse_ row_indices smm sparse_dim sparse_mask sparse_resize_
        sparse_resize_and_clear_ sspaddmm to_sparse to_sparse_bsc to_sparse_bsr to_sparse_coo
        to_sparse_csc to_sparse_csr values to_padded_tensor""",
    _FLOAT: """dequantize int_repr q_per_channel_axis q_per_channel_scales
        q_per_channel_zero_points q_scale q_zero_point qscheme""",
    _REAL: "cdouble cfloat chalf",
    _FFT: "stft istft",
    _OTHER: """cholesky_inverse cholesky_solve geqrf igamma igamma_ igammac igammac_ lu lu_solve
        orgqr ormqr triangular_solve hash_tensor""",
    "removed from PyTorch; use linalg": "eig lstsq solve symeig",
    _CUDA: "record_stream ipu xpu mtia to_mkldnn",
    "bfloat16 is not supported; use float32": "bfloat16",
}

# Full name -> what to use instead.
ABSENT = {
    prefix + name: advice
    for prefix, table in (("", _TORCH), ("Tensor.", _TENSOR))
    for advice, names in table.items()
    for name in names.split()
}


def absent(name: str):
    """Make the function for a name of `ABSENT`: calling it raises NotImplementedError."""
    advice = ABSENT[name]

    def missing(*args, **kwargs):
        raise NotImplementedError(f"{name}: {advice}")

    missing.__name__ = missing.__qualname__ = name.rpartition(".")[2]
    missing.__doc__ = f"Raise NotImplementedError: {advice}."
    return missing


def install(Tensor) -> None:
    """Give the class `Tensor` the methods that say why they are not there."""
    for name in ABSENT:
        if name.startswith("Tensor."):
            setattr(Tensor, name.partition(".")[2], absent(name))
