"""What people and events do to tickets.

Every change locks its tickets first, in the order of their ids, adds lines of history, and writes all changed rows
with one statement, so that 500 facts cost as many round trips as one.
"""
