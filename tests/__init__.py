"""Tests, benchmarks and campaigns. They use one BLAS thread unless the environment says otherwise.

Workers of a test run share the cores, and the bits of a run depend on the number of threads. The
variable has to be set before NumPy is imported.
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
