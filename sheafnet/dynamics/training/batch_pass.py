"""The pass of one batch at one vertex of a path, up and down.

A *pass* is the object that does the work of one vertex on one batch; when the batch is finished,
the pass goes on with a later batch. The *learner* of a vertex updates the map on the edge from the
vertex towards the output; see ``sheafnet.dynamics.training.map_learner``. A vertex has *learned
from* a batch when this update is made, or, if its map is never updated, when its last step for the
batch is made.

Up and above mean towards the output, down and below mean towards the input. A batch takes one or
more sweeps. In this package a *sweep* goes both ways: messages travel up from the input along the
whole path, and then down from the output. All carry the number of the batch as their tag. At each
vertex a pass alternates between the way up and the way down:

    vertex   on the way up                          on the way down
    input    waits for nothing; sends the inputs    waits for the vertex above; updates its map in
             of the batch up                        the last sweep
    inner    waits for the vertex below, moves      waits for the vertex above, moves its stalk
             its stalk, sends its projection up     under ``Relax``, sends a message down; updates
                                                    its map, if it has one, in the last sweep
    last     waits for the vertex below; pins the   waits for nothing; sends down a message that
             targets in the first sweep             it computes from the targets

On the way down of the last sweep, a vertex also waits until it has learned from all earlier
batches. Let F be the largest number of batches in flight. After batch b the pass waits for batch
b + F.
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
    """State machine that handles every F-th batch at one vertex, one batch after the other.

    F is the largest number of batches in flight (begun and not finished). The vertex has F passes.
    After batch b a pass handles batch b + F.

    Parameters
    ----------
    star
        Star of the vertex for the batches of this pass. It has a stalk, pins and maps of its own,
        apart from those of the other passes.
    data
        Pins of all samples of the training, if the vertex is an end of the path; None at an inner
        vertex.
    learner
        Learner, which updates the map on the edge from the vertex towards the output. All passes of
        the vertex share it.
    batch
        Number of the first batch of this pass, counted from 0.

    Attributes
    ----------
    batch
        Number of the batch that the pass works on, or of the batch that it waits for.
    """

    sweeps: int = 1
    """Number of sweeps of a batch. In a sweep messages go up the path once and down once."""

    down_kind: ClassVar[Kind]
    """Kind of the messages on the way down."""

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
        """Make the pass wait for the first message of ``batch``, on its first way up."""
        below, above = self._keys
        self.batch = batch
        self._going_up = True
        self._handled_below = self._handled_above = 0
        self._from_below = None if below is None else below._replace(tag=batch)
        self._from_above = None if above is None else above._replace(tag=batch)

    def ready(self, inbox: Inbox) -> bool:
        """Return whether the pass can step now.

        The pass steps when the message that it waits for has arrived. The table of this module
        lists these messages, and the two cases in which a pass waits for no message. There are
        three exceptions, in which the pass does not step:

        - ``batch`` is not smaller than the number of training steps. Batches are counted from 0 and
          there is one for each training step, so the training has no batch of this number.
        - The vertex is the input, the batch has not begun, and ``draining`` of the learner is true.
          The training is to stop, and no further batch may begin.
        - The step is on the way down in the last sweep, but the vertex has not yet learned from all
          earlier batches. A vertex learns from the batches in their order.
        """
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
        """Compute and return the next step, on the way up or on the way down.

        After a step on the way up, the pass waits for the vertex above. After a step on the way
        down, it waits for the vertex below or, after the last sweep, for its next batch.
        """
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
        """Return the step on the first way up: the stalk gets its value of the forward pass.

        At an end of the path, the step also contains new pins, with the data of the batch.
        """
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
        """Return the step on the way to the output, in the second sweep and all later sweeps."""

    @abc.abstractmethod
    def go_down(self, inbox: Inbox, *, learn: bool) -> Step:
        """Return the step of the vertex on the way from the output to the input.

        If ``learn`` is true, also update the map of the edge above, which leads to the output.
        """


def ends(star: Star) -> tuple[Incidence | None, Incidence | None]:
    """Return the incidences of a vertex of a path with the edge below and the edge above.

    Below means towards the input, above towards the output. An incidence is None if the vertex has
    no such edge. The maps of the incidences are the present maps of ``star``.
    """
    below = above = None
    for inc in star.incidences:
        if inc.is_tail:
            above = inc
        else:
            below = inc
    return below, above
