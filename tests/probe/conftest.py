"""How many random architectures: 10 a test, 300 with HYPOTHESIS_PROFILE=slow."""

import os

import hypothesis

_EXAMPLES = {"slow": 300}.get(os.environ.get("HYPOTHESIS_PROFILE", ""), 10)
random_models = hypothesis.settings(
    max_examples=_EXAMPLES,
    deadline=None,
    derandomize=_EXAMPLES == 10,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
    print_blob=True,
)
