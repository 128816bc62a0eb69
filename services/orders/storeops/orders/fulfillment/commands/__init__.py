"""Use cases of the warehouse: releasing, packing, handing over, and telling what is late.

Everything is written for hundreds at once; one is a list of one. An order's row is locked before its work's.
"""
