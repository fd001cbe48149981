"""A network of hosts under virtual time: one process, real bytes, bit-reproducible."""
