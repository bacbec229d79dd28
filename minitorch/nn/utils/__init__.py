"""Helpers for gradients and parameters."""

from .clip import clip_grad_norm_, clip_grad_value_, get_total_norm
from .convert import parameters_to_vector, vector_to_parameters
