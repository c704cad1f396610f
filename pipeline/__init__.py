"""The edges of vitalbeam: options, wiring, the outside world.

ReadMessages ─ Normalize ─ Identify ─ Group ─ Store ─ Observe ─┬─ WriteFhir
                   │           │        │                      └─ WriteObservations
                   └───────────┴────────┴───────── WriteDeadLetters
"""
