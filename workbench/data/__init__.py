"""Load and encode: from a source of any kind to a Dataset whose columns have roles, and from there to small integer codes.

``open_dataset(source, roles)`` in `dataset` is the way in.
"""
