"""The names of ``torch.version``."""

cuda = None
hip = None
git_version = "Unknown"
debug = False
