"""Facts: what figures are made of, one row per order, line, refund, ticket, occurrence or store.

They come from the archive and from nothing else, live and in a rebuild by the same statements (REP-9).
"""
