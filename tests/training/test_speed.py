from mrl_search.device import CPU
from mrl_search.training.speed import texts_per_second


def test_every_depth_has_a_speed_above_nothing(tiny):
    found = texts_per_second(tiny, (1, 2), "float32", [f"word{n}" for n in range(40)], CPU)
    assert list(found) == ["1", "2"]
    assert min(found.values()) > 0
