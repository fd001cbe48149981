"""The mathematics of cellular sheaves on graphs: frozen data and pure functions."""
