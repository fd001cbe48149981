"""The settings of a cluster run, as data that is sent to other processes."""

import math
import re
from dataclasses import dataclass

from sheafnet.core.scalars import unbox
from sheafnet.errors import InputError
from sheafnet.runtime.hosts.placement import Placement

_ADDRESS = re.compile(r"[\w.\-]+:\d+|\[[0-9a-fA-F:]+\]:\d+")


@dataclass(frozen=True)
class ClusterSettings:
    """The settings of ``sn.Cluster``, without the code that runs a problem.

    ``sn.Cluster`` documents each setting.

    Raises
    ------
    InputError
        If one of the settings is out of range. ``sn.Cluster`` lists the conditions.
    """

    address: str = "local"
    placement: Placement = "by-layer"
    window: int = 1
    max_restarts: int = 3
    report_interval: float = 0.1
    startup: float = 120.0
    silence: float = 60.0
    cpus: float = 0.0

    def __post_init__(self) -> None:
        unbox(self)
        known = self.address in ("local", "auto") or _ADDRESS.fullmatch(self.address)
        checks = {
            f"address is {self.address!r}; give 'local', 'auto' or host:port": bool(known),
            "window must be at least 1": self.window >= 1,
            "max_restarts must be 0 or more": self.max_restarts >= 0,
            "report_interval must be positive": 0.0 < self.report_interval < math.inf,
            "startup must be positive": 0.0 < self.startup < math.inf,
            "silence must be positive": 0.0 < self.silence < math.inf,
            "cpus must be 0 or more": 0.0 <= self.cpus < math.inf,
        }
        for rule, holds in checks.items():
            if not holds:
                raise InputError(f"cluster: {rule}")
