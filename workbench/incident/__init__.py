"""The record of an incident: an append-only, hash-chained list of entries, and what is computed from it.

``home`` says where things live, ``record`` keeps the entries and proves that none was edited, cut or reordered, ``state``
computes where an incident stands. Nothing here is ever updated in place: a correction is one more entry.
"""
