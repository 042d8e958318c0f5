"""Hypothesis without deadlines: on a busy machine the time that an example takes says nothing."""

from hypothesis import settings

settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")
