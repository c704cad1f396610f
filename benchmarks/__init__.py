"""How fast vitalbeam is, and against what.

A seeded fleet of devices (`fleet`) sends a day of messages through the same two mapping
files (`fleet/device.json`, `fleet/fhir.json`) in three ways:

* vitalbeam itself, `python -m pipeline run`;
* `script`: what a good engineer writes by hand for exactly this mapping;
* `obvious`: what most people write first, with jsonpath-ng and fhir.resources.

`python -m benchmarks` times the three side by side on one core;
`python -m benchmarks.memory` shows that the memory of a run does not grow with its
input.
"""

import logging

# Beam says as it is imported that a Google client is missing: not beside a table.
logging.getLogger().addFilter(lambda said: "apitools" not in said.getMessage())
