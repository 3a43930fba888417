"""Scenarios: declared in YAML, listed in a catalogue, run against a target, and held against a charter and a map of controls."""
