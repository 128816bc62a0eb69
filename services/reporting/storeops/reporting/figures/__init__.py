"""The daily figures of a store (REP-2), each defined once, each open down to what it is made of (REP-9)."""
