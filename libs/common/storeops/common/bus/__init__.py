"""The bus: one port (`base`), two transports (`postgres`, `kafka`), one behaviour."""
