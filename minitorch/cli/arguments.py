"""Types of arguments."""


def positive(kind):
    """Return a converter to positive, finite numbers of a kind, for argparse."""

    def convert(text):
        value = kind(text)
        if not 0 < value < float("inf"):
            raise ValueError
        return value

    convert.__name__ = f"positive {kind.__name__}"  # argparse: "invalid positive int value"
    return convert
