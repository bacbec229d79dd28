"""The older path of `minitorch.hub.load_state_dict_from_url`."""

from ..hub import load_state_dict_from_url, load_url

__all__ = ["load_state_dict_from_url", "load_url"]
