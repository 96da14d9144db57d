import numpy as np

from mrl_search.gpu import DeviceRotation
from mrl_search.rotation import Rotation
from mrl_search.rotations import fit
from mrl_search.vectors import unit


def test_queries_are_turned_as_on_the_cpu(device):
    random = np.random.default_rng(0)
    axes = np.linalg.qr(random.standard_normal((64, 64)))[0].astype(np.float32)
    rotation = Rotation(axes, "random")
    queries = unit(random.standard_normal((20, 64)))
    np.testing.assert_allclose(DeviceRotation(rotation, device).apply(queries), rotation.apply(queries), atol=1e-6)


def test_a_rotation_of_reflections_is_turned_alike(device):
    sample = unit(np.random.default_rng(1).standard_normal((500, 48)))
    rotation = fit("learned", sample, [8]).rotation
    np.testing.assert_allclose(
        DeviceRotation(rotation, device).apply(sample[:9]), rotation.apply(sample[:9]), atol=2e-6
    )


def test_a_query_is_turned_alike_in_whatever_company(device):
    random = np.random.default_rng(2)
    turn = DeviceRotation(Rotation(np.linalg.qr(random.standard_normal((96, 96)))[0].astype(np.float32), "x"), device)
    queries = unit(random.standard_normal((50, 96)))
    np.testing.assert_array_equal(np.concatenate([turn.apply(one[None]) for one in queries]), turn.apply(queries))
