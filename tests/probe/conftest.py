"""How many random architectures: 6 a test, 3 where each takes long, 300 with HYPOTHESIS_PROFILE=slow."""

import os

import hypothesis

_EXAMPLES = {"slow": 300}.get(os.environ.get("HYPOTHESIS_PROFILE", ""), 6)
random_models = hypothesis.settings(
    max_examples=_EXAMPLES,
    deadline=None,
    derandomize=_EXAMPLES == 6,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
    print_blob=True,
)
half_as_many = hypothesis.settings(random_models, max_examples=_EXAMPLES // 2 if _EXAMPLES == 6 else _EXAMPLES)
