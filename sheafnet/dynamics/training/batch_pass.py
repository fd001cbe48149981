"""A batch as it passes one vertex of a path, up and down.

It is carried along by two messages a sweep, one on the way up from the input and one on the way
down from the targets. A vertex knows which it waits for, and for which batch::

    vertex   on the way up                          on the way down
    input    waits for nothing: takes the inputs    waits for the vertex above; its map learns
             of the batch, and sends them up         from what it receives
    inner    waits for the vertex below, moves,     waits for the vertex above, moves or not, sends
             sends it up                            it down; its map, if it has one, learns
    last     waits for the vertex below, takes      waits for nothing: sends down what the targets
             the targets of the batch               make of it

On the way down of the last sweep a vertex also waits until it has learned from every batch before.
After that the next batch may come: number b + F, with F of them in flight.
"""

from __future__ import annotations

import abc
from typing import ClassVar

from sheafnet.core.incidence import Incidence
from sheafnet.core.stalkpins import StalkPins
from sheafnet.dynamics.inbox import Inbox
from sheafnet.dynamics.messages import Key, Kind
from sheafnet.dynamics.program import BatchStep, Step
from sheafnet.dynamics.star import Star
from sheafnet.dynamics.training.map_learner import MapLearner


class BatchPass(abc.ABC):
    """One batch at a time.

    Parameters
    ----------
    star
        The vertex as this batch has it: its stalk, its pins and its maps.
    data
        The pins of all samples, at an end of the path.
    learner
        What the vertex learns, from these batches and from others.
    batch
        The first, from 0.

    Attributes
    ----------
    batch
        Which is passing, or comes next.
    """

    sweeps: int = 1
    """How often a batch goes up and down."""

    down_kind: ClassVar[Kind]
    """What is sent on the way down."""

    def __init__(
        self, star: Star, data: StalkPins | None, learner: MapLearner, batch: int = 0
    ) -> None:
        self.batch = batch
        self.star = star
        self.learner = learner
        self._data = data
        self._sweep = 0
        below, above = ends(star)
        self._up_to: tuple[str, ...] = () if above is None else (above.edge,)
        self._down_to: tuple[str, ...] = () if below is None else (below.edge,)
        self._keys = (
            None if below is None else Key(Kind.PROJECTION, below.edge, below.neighbour),
            None if above is None else Key(self.down_kind, above.edge, above.neighbour),
        )
        self.expect(batch)

    def expect(self, batch: int) -> None:
        """Wait for the messages of a batch."""
        below, above = self._keys
        self.batch = batch
        self._going_up = True
        self._handled_below = self._handled_above = 0
        self._from_below = None if below is None else below._replace(tag=batch)
        self._from_above = None if above is None else above._replace(tag=batch)

    def ready(self, inbox: Inbox) -> bool:
        """Return whether the batch can go on here."""
        learner = self.learner
        if self._going_up:
            if self.batch >= learner.plan.steps:
                return False
            key, handled = self._from_below, self._handled_below
            if key is None and self._sweep == 0 and learner.draining:
                return False
        else:
            if self._in_last_sweep and learner.step < self.batch:
                return False
            key, handled = self._from_above, self._handled_above
        return key is None or inbox.sequence(key) > handled

    @property
    def _in_last_sweep(self) -> bool:
        return self._sweep == self.sweeps - 1

    def step(self, inbox: Inbox) -> Step:
        """Go one way, and be ready for the other."""
        if self._going_up:
            self._going_up = False
            if self._from_below is not None:
                self._handled_below = inbox.sequence(self._from_below)
            return self.begin(inbox) if self._sweep == 0 else self.go_up(inbox)
        if self._from_above is not None:
            self._handled_above = inbox.sequence(self._from_above)
        last = self._in_last_sweep
        step = self.go_down(inbox, learn=last)
        if self.learner.trouble is None:
            self._sweep = 0 if last else self._sweep + 1
            self._going_up = True
            if last:
                self.learner.step += 1
                self.expect(self.batch + self.learner.plan.batches_in_flight)
        return step

    def begin(self, inbox: Inbox) -> Step:
        """Be on the forward pass of the batch, and at an end of the path have its data."""
        batch = self.batch
        pins = None
        if self._data is not None:
            pins = self._data.samples(self.learner.plan.batches.columns(batch))
        if pins is not None and pins.whole:
            stalk = pins.value
        else:
            assert self._from_below is not None
            stalk = inbox[self._from_below]
        return Step(stalk, batch=BatchStep(self.star, self._up_to, batch, pins))

    @abc.abstractmethod
    def go_up(self, inbox: Inbox) -> Step:
        """Go up in a later sweep."""

    @abc.abstractmethod
    def go_down(self, inbox: Inbox, *, learn: bool) -> Step:
        """Go down, and learn if that is due."""


def ends(star: Star) -> tuple[Incidence | None, Incidence | None]:
    """Return the ends of the edge below a vertex of a path and of that above, as they are now."""
    below = above = None
    for inc in star.incidences:
        if inc.is_tail:
            above = inc
        else:
            below = inc
    return below, above
