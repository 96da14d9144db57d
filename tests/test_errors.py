import builtins
import re

import pytest

from mrl_search import errors

KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and kind.__module__ == errors.__name__]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_error_is_ours_and_the_builtin_the_docstring_says(kind):
    drawn = re.search(rf"{kind.__name__}\s.*\((\w+)\)\n", errors.__doc__)
    assert issubclass(kind, errors.MRLSearchError)
    if kind is not errors.MRLSearchError:
        assert issubclass(kind, getattr(builtins, drawn[1]))


def test_a_missing_package_is_named_with_the_command_that_installs_it():
    error = errors.MissingPackageError("openai", "an openai: encoder", "openai")
    assert str(error).endswith("which is not installed; run: pip install 'mrl-search[openai]'")
