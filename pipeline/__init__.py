"""The edges of vitalbeam: options, wiring, the outside world.

ReadMessages ─ Normalize ─ Identify ─ Group ─ Store ─ Observe ─┬─ WriteFhir
                   │           │        │                      └─ WriteObservations
                   └───────────┴────────┴───────── WriteDeadLetters
"""

import gc
import os

# What is imported holds few cycles: to look for them at every 700th object is a tenth
# of the time that a run takes to start.
gc.set_threshold(20_000)

# Arrow chooses as it is loaded, which the first import of a module below does. Its own
# allocators keep up to 45 MB more of what was freed than the system's; none is faster.
# https://arrow.apache.org/docs/cpp/env_vars.html#envvar-ARROW_DEFAULT_MEMORY_POOL
os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
# NumPy's linear algebra, which nothing here uses, starts a thread a core that spins a
# while: a fifth of what `check` takes.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
