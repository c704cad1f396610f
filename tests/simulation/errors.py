"""What the simulator has to say."""


class BrokenLawError(AssertionError):
    """Something is not what it must be."""
