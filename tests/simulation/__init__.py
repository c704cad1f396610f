"""The chain under a runner that crashes, repeats, splits and reorders, from a seed.

In the manner of deterministic simulation testing (FoundationDB, TigerBeetle's VOPR): a
seed decides what devices send (`history`), how jobs read it, and what goes wrong and
when (`runner`). The code that groups, stores, observes, merges and writes is the real
one; before each of its side effects it stands still, and the seed decides who goes on,
who dies there, and who is declared dead and goes on all the same (`deck`). In the end
every store must hold what one undisturbed run over all messages leaves (`laws`).
"""
