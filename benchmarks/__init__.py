"""How fast vitalbeam is, and against what.

A seeded fleet of devices (`fleet`) sends a day of messages through the same two mapping
files (`fleet/device.json`, `fleet/fhir.json`) in three ways:

* vitalbeam itself, `python -m pipeline run`;
* `script`: what a good engineer writes by hand for exactly this mapping;
* `obvious`: what most people write first, with jsonpath-ng and fhir.resources.

`python -m benchmarks` times the three side by side on one core, and shows where the
time goes, how time and memory grow, and what more cores bring; `RESULTS.md` is what it
found.
"""

import logging

# Beam says as it is imported that a Google client is missing: not beside a table.
logging.getLogger().addFilter(lambda said: "apitools" not in said.getMessage())
