"""Programs that learn from one batch after the other, up and down a path.

A batch is carried past every vertex by two words a sweep, one on the way up from the input and
one on the way down from the targets. A vertex knows which it waits for, and for which batch::

    vertex   on the way up                          on the way down
    input    waits for nothing: takes the inputs    waits for the vertex above; its map learns
             of the batch, and says them up         from what it hears
    inner    waits for the vertex below, moves,     waits for the vertex above, moves or not, says
             says it up                             it down; its map, if it has one, learns
    last     waits for the vertex below, takes      waits for nothing: says down what the targets
             the targets of the batch               make of it

A map learns on the way down of the last sweep of a batch, and after that its owner waits for the
next batch. So nobody is ahead of anybody by more than one batch, no word of a batch can be taken
for that of another, and all maps take the same steps as if the network had been trained in one
place: without a barrier, a phase or a clock, and however long messages take.
"""

from __future__ import annotations

import abc
import math
from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from sheafnet.core.arrays import Array
from sheafnet.core.incidence import Incidence
from sheafnet.core.maps import Affine
from sheafnet.dynamics.course import Course
from sheafnet.dynamics.inbox import Inbox
from sheafnet.dynamics.lessons import Kept, Lesson, Place
from sheafnet.dynamics.messages import Key, Kind
from sheafnet.dynamics.program import Program, Step
from sheafnet.dynamics.star import Star


class PassProgram(Program):
    """What all vertices have in common, and both rules.

    Parameters
    ----------
    star
        The vertex; pins of it are those of all samples.
    course
        What is learned from, and how.
    sweeps
        How often a batch goes up and down.

    Attributes
    ----------
    batch
        Which the vertex is at, from 0.
    """

    greets = False
    down_word: ClassVar[Kind]
    """What is said on the way down."""

    def __init__(self, star: Star, course: Course, sweeps: int) -> None:
        self.batch = self._sweep = 0
        self.kept: dict[Place, Kept] = {}
        self._course = course
        self._sweeps = sweeps
        self._data = star.pins
        below, above = self.ends(star)
        self._up_to: tuple[str, ...] = () if above is None else (above.edge,)
        self._down_to: tuple[str, ...] = () if below is None else (below.edge,)
        self._keys = (
            None if below is None else Key(Kind.PROJECTION, below.edge, below.neighbour),
            None if above is None else Key(self.down_word, above.edge, above.neighbour),
        )
        learns = above is not None and isinstance(above.map, Affine)
        self._learner = course.optimiser.start(course.steps) if learns else None
        self._trouble: str | None = None
        # Edge vectors of the last step, from which a lesson is made when somebody asks.
        self._seen: tuple[int, Array | None, Array, float] | None = None
        self._expect()

    @staticmethod
    def ends(star: Star) -> tuple[Incidence | None, Incidence | None]:
        """Return the ends of the edge below and of that above, as they are now."""
        below = above = None
        for inc in star.incidences:
            if inc.is_tail:
                above = inc
            else:
                below = inc
        return below, above

    def _expect(self) -> None:
        """Wait for the words of the batch."""
        below, above = self._keys
        self._going_up = True
        self._heard_below = self._heard_above = 0
        self._from_below = None if below is None else below._replace(tag=self.batch)
        self._from_above = None if above is None else above._replace(tag=self.batch)

    def ready(self, star: Star, inbox: Inbox) -> bool:  # noqa: ARG002
        if self._trouble is not None:
            return True  # so that whoever steps the vertex sees it
        if self.batch >= self._course.steps:
            return False
        if self._going_up:
            key, heard = self._from_below, self._heard_below
        else:
            key, heard = self._from_above, self._heard_above
        return key is None or inbox.sequence(key) > heard

    def step(self, star: Star, inbox: Inbox) -> Step:
        """Go one way, and be ready for the other."""
        if self._trouble is not None:
            return Step(None, edges=())
        if self._going_up:
            self._going_up = False
            if self._from_below is not None:
                self._heard_below = inbox.sequence(self._from_below)
            return self.begin(inbox) if self._sweep == 0 else self.rise(star, inbox)
        if self._from_above is not None:
            self._heard_above = inbox.sequence(self._from_above)
        last = self._sweep == self._sweeps - 1
        step = self.sink(star, inbox, learn=last)
        if self._trouble is None:
            self._sweep = 0 if last else self._sweep + 1
            self._going_up = True
            if last:
                self.batch += 1
                self._expect()
        return step

    def begin(self, inbox: Inbox) -> Step:
        """Be on the forward pass of the batch, and at an end of the path have its data."""
        batch = self.batch
        inbox.release(batch)
        pins = None
        if self._data is not None:
            pins = self._data.samples(self._course.batches.columns(batch))
        if pins is not None and pins.whole:
            stalk = pins.value
        else:
            assert self._from_below is not None
            stalk = inbox[self._from_below]
        return Step(stalk, edges=self._up_to, tag=batch, pins=pins)

    @abc.abstractmethod
    def rise(self, star: Star, inbox: Inbox) -> Step:
        """Go up in a later sweep."""

    @abc.abstractmethod
    def sink(self, star: Star, inbox: Inbox, *, learn: bool) -> Step:
        """Go down, and learn if that is due."""

    def learned(
        self, above: Incidence, stalk: Array, residual: Array | None, tension: Array
    ) -> dict[str, Affine]:
        """Return the new map of the edge above, if it has one that learns; keep what was seen."""
        step = self.batch + 1
        length = 0.0
        after = None
        if self._learner is not None:
            assert isinstance(above.map, Affine)
            after, length = self._learner.step(above.map, stalk, tension)
            if not math.isfinite(length):
                self._trouble = f"step {step} of the map {above.edge!r} is not finite"
                return {}
        self._seen = (step, residual, tension, length)
        if self._course.keeps(step):
            memory = None if self._learner is None else self._learner.memory()
            self.kept[step, above.edge] = Kept(after, memory, self.lessons[above.edge])
        return {} if after is None else {above.edge: after}

    @property
    def lessons(self) -> Mapping[str, Lesson]:
        if self._seen is None:
            return {}
        step, residual, tension, length = self._seen
        discord = 0.0 if residual is None else _mean_square(residual)
        (edge,) = self._up_to
        return {edge: Lesson(step, discord, _mean_square(tension), length)}

    def recall(self, step: int, kept: Kept | None) -> None:
        self.batch = step
        if self._learner is not None and kept is not None and kept.memory is not None:
            self._learner = self._course.optimiser.start(self._course.steps, kept.memory)
        self._expect()

    def forget(self, step: int) -> None:
        for place in [place for place in self.kept if place[0] <= step]:
            del self.kept[place]

    def unrest(self, star: Star, inbox: Inbox) -> float:  # noqa: ARG002
        """Return how many batches are left; infinite if a step was not finite."""
        return math.inf if self._trouble else float(self._course.steps - self.batch)

    def trouble(self) -> str | None:
        return self._trouble


def _mean_square(vectors: Array) -> float:
    return float(np.vdot(vectors, vectors) / vectors.shape[1])
