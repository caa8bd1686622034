"""Facts of machines that are not there."""

from __future__ import annotations

GPU = {
    "name": "Abacus H1",
    "capability": "9.0",
    "memory_gib": 80,
    "free_share": 0.99,
    "others_share": 0.0,
    "utilization": 0.0,
}
FIT = {
    "system": "Linux",
    "usable_cores": 8,
    "cpu_quota": None,
    "load": 0.3,
    "governor": "performance",
    "swap_used": 0,
    "virtual": False,
    "torch_debug": False,
    "gpus": [GPU],
}
