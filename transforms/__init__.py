"""The middle of vitalbeam: pure functions and thin Beam stages, no outside world.

No module here opens a socket or a file, reads a clock or the environment. The nouns
(model, errors, mappings, readings, observations) never import Apache Beam; each verb
(normalize, identify, group, observe) is one stage.
"""
