"""Intake of daily traffic that people and channels hand in. Keeps nothing but counters: the facts are the archive's."""
