"""torch's meta device computes nothing, and refuses to mix: what would be left on the CPU by mistake shows without a card."""

import torch

from mrl_search.gpu.order import best
from mrl_search.gpu.rows import Resident, scored
from mrl_search.gpu.scan import Groups, Scan, largest_of


def test_nothing_on_the_way_is_left_on_the_cpu():
    queries, rows = torch.empty(7, 96, device="meta"), torch.empty(7, 40, device="meta", dtype=torch.int64)
    prefixes = torch.empty(5000, 64, device="meta", dtype=torch.float16)
    maxima, within = torch.empty(7, 157, device="meta"), torch.empty(7, 32 * 20, device="meta")
    results = [
        best(torch.empty(7, 40, device="meta"), rows, 50),
        largest_of(torch.empty(7, 5000, device="meta"), 10),
        Scan(prefixes).largest(queries[:, :64], 20),
        Scan(prefixes, Groups(lambda *_: maxima, lambda *_: within, 0.0)).largest(queries[:, :64], 20),
        *(
            scored(Resident.of(torch.empty(5000, 96, device="meta").to(dtype)), queries, rows, 64, 10)
            for dtype in (torch.float32, torch.bfloat16, torch.int8)
        ),
    ]
    assert {part.device.type for pair in results for part in pair} == {"meta"}
    assert all((scores.dtype, rows.dtype) == (torch.float32, torch.int64) for scores, rows in results)
