"""The fleet: a shared queue on PostgreSQL, workers on any number of machines that take from it, and leases that keep them apart."""
