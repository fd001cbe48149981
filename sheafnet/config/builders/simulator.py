"""The builder of the simulator that a configuration describes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any

from sheafnet.config.schema.simulator import (
    AnyLatency,
    ChannelSection,
    ComputeSection,
    ConstantLatency,
    EmpiricalLatency,
    ExponentialLatency,
    LognormalLatency,
    SimulatorRuntime,
    UniformLatency,
)
from sheafnet.runtime.simulator.channel import Channel, Partition
from sheafnet.runtime.simulator.compute import ComputeTime
from sheafnet.runtime.simulator.latency import (
    Constant,
    Empirical,
    Exponential,
    Latency,
    Lognormal,
    Uniform,
)
from sheafnet.runtime.simulator.settings import Pause, Restart, SimulatorSettings
from sheafnet.runtime.simulator.simulator import Simulator


def build_simulator(
    section: SimulatorRuntime, trace: Callable[[str], None] | None = None
) -> Simulator:
    """Return the simulator that ``section`` describes.

    Parameters
    ----------
    section
        The description of the simulator.
    trace
        Function that is called with a line of text for every event. With None (default) no lines
        are made.

    Raises
    ------
    InputError
        If settings contradict each other, or if a file of delays cannot be read or is not valid.
    """
    late = section.report_latency
    settings: dict[str, Any] = {
        field.name: getattr(section, field.name)
        for field in fields(SimulatorSettings)
        if field.name in type(section).model_fields
    }
    # These settings have another type in the simulator than in the section.
    settings |= {
        "compute": build_compute(section.compute),
        "latency": build_latency(section.latency),
        "report_latency": None if late is None else build_latency(late),
        "channels": {(c.sender, c.receiver): build_channel(c, section) for c in section.channels},
        "partitions": tuple(Partition(**it.model_dump()) for it in section.partitions),
        "restarts": tuple(Restart(**it.model_dump()) for it in section.restarts),
        "pauses": tuple(Pause(**it.model_dump()) for it in section.pauses),
    }
    return Simulator(**settings, trace=trace)


def build_compute(section: float | ComputeSection) -> float | ComputeTime:
    """Return the virtual time of an update, as a number or as a distribution.

    Raises
    ------
    InputError
        If the mean time of an update is 0, or if a file of delays cannot be read or is not valid.
    """
    if isinstance(section, ComputeSection):
        return ComputeTime(build_latency(section.time), section.per_element)
    return section


def build_channel(section: ChannelSection, whole: SimulatorRuntime) -> Channel:
    """Return the channel that ``section`` describes.

    Parameters
    ----------
    section
        The settings of the channel.
    whole
        The runtime. If a setting of ``section`` is None, the channel has the setting of ``whole``.

    Raises
    ------
    InputError
        If the lowest delay is above the highest, or if a file of delays cannot be read or is not
        valid.
    """

    def own(name: str) -> Any:
        value = getattr(section, name)
        return getattr(whole, name) if value is None else value

    return Channel(build_latency(own("latency")), own("loss"), own("duplication"), own("bandwidth"))


def build_latency(section: AnyLatency) -> Latency:
    """Return the distribution of delays that ``section`` describes.

    Raises
    ------
    InputError
        If the lowest delay is above the highest, or if a file of delays cannot be read or is not
        valid.
    """
    match section:
        case ConstantLatency(time=time):
            return Constant(time)
        case UniformLatency(low=low, high=high):
            return Uniform(low, high)
        case ExponentialLatency(mean=mean):
            return Exponential(mean)
        case LognormalLatency(mean=mean, sigma=sigma):
            return Lognormal(mean, sigma)
        case EmpiricalLatency(path=path):
            return Empirical.load(path)
