"""``python -m minitorch``: the same as the command ``minitorch``."""

import sys

from .cli import main

sys.exit(main())
