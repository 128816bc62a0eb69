"""Area: the service's own copy of the stores."""
