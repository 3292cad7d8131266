"""How many examples a property test tries: all of them, or a few in `make test`.

`make test-long`, the sanitizers and a plain pytest try all of them.
"""

from hypothesis import settings

QUICK = "quick"
_ALL = "untimed"
_DEFAULT = 100
_SHARE = 5  # one example in so many is left in `make test`


def register_profiles() -> None:
    """Both without deadlines: how long an example takes on a busy machine means nothing."""
    settings.register_profile(_ALL, deadline=None, max_examples=_DEFAULT)
    settings.register_profile(QUICK, deadline=None, max_examples=_DEFAULT // _SHARE)
    settings.load_profile(_ALL)


def examples(number: int) -> int:
    """Return the `max_examples` of a test that needs another number than the profile's."""
    return number // _SHARE if settings.get_current_profile_name() == QUICK else number
