"""Defences: put in layers, trained, held against fresh attacks and against each other.

The actors: a `Stack` (``stack.py``) puts layers around a model; a `Bench` (``bench.py``) holds the rows every defence is
measured on; ``contribution.py`` says what each layer adds, ``front.py`` which defence is worth its price, ``training.py`` makes
models that should hold, ``held_out.py`` says whether they do, ``transfer.py`` which attacks carry over from one to the other,
``validator.py`` what clean inputs look like, ``trees.py`` how far a tree ensemble provably holds.
"""
