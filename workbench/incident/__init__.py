"""The record of an incident: an append-only, hash-chained list of entries, and what is computed from it.

``home`` says where things live, ``chain`` proves that no entry was edited, cut or reordered, ``record`` keeps them, ``state``
computes where an incident stands. Nothing here is ever updated in place: a correction is one more entry.
"""
