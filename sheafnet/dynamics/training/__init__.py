"""Training by local rules: the plan, the pass of one batch, and the learner of one map.

There is no global backward pass. The tail of an edge owns the map there and changes it from its
own stalk, the messages on that edge, and an optimiser whose state never travels. The residual of
an edge is its tail's projection minus its head's; discord is the mean over the batch of its
squared norm.

| rule | quantity that a map learns from |
|---|---|
| ``sn.Relax(strength, sweeps)`` | The discord of its edge. A batch starts on its forward pass. \
The output is pulled towards the targets; from there down, one vertex after the other takes an \
exact local step. Each map learns from the residual that is left on its edge. One sweep (default) \
sends one message each way on every edge. |
| ``sn.Nudged()`` | The tension of its edge: the residual, per unit of strength, that a \
vanishing pull at the output would leave there. Each vertex pulls it back through its map, to the \
edge below. |
| ``sn.Joint(alpha, beta, dt)`` | The residual of its edge, while the stalks move too: the paper's \
flow. In lockstep a thousand steps agree with the authors' program to the last bits. With \
``stalks=sn.Prox("keep")`` and an optimiser it is faster. |

The optimisers ``sn.Sgd``, ``sn.Adam`` and ``sn.Kron`` (a natural gradient from two moments of the
edge) have schedules, decoupled weight decay and a bound on the step.

```python
import sheafnet as sn

train, test = sn.task("circular", seed=0)  # a disc and a ring
net = sn.ReluNetwork.random([2, 25, 1], seed=0, output="sigmoid")
fit = sn.train(
    net,
    train.x,  # (n_0, samples)
    train.y,  # (n_out, samples), or integer class labels (samples,)
    rule=sn.Relax(strength=0.1),
    optimiser=sn.Kron(0.1, schedule="cosine"),
    epochs=30,
    batch_size=60,
    test=(test.x, test.y),
)

print(fit.history[-1].test.accuracy > 0.95)  # True
print(sorted(fit.history[-1].discord))  # ['activation_1', 'output', 'weight_1', 'weight_2']
```

Read ``sheafnet.dynamics.training.plan``, then ``learning_rule``, ``batch_pass``, ``map_learner``
and ``batch_program``.

**Batches carry tags.** Under ``Relax`` and ``Nudged`` each message carries the number of its
batch. A vertex waits only for its neighbours; there is no barrier and no global order. On every
runtime, under delay, loss and repetition, each map takes the same steps as in lockstep, bit for
bit. Changes here must keep this. ``Joint`` runs freely.

**Rollback and resume.** When a host is lost with its maps, all hosts go back to the last
evaluation and repeat the steps. Ctrl-C and SIGTERM let the batches in flight finish and leave a
checkpoint; a killed run has one of a recent evaluation (at most one is written per second).
``sheafnet run --resume RUN_DIR`` continues to the same bits, with the history and early stopping.
``Joint`` can neither go back nor resume.

**Several batches in flight.** With ``batches_in_flight=F`` (``training.batches_in_flight`` in a
configuration) layers work on up to F batches at once. Batch b begins where batch b − F has ended.
Every vertex uses for it, up and down, the map after b − F + 1 steps, so
W ← W − η g(W of F − 1 steps ago), on every runtime and under every fault. ``sn.Kron`` tolerates
old gradients better than ``sn.Adam``; momentum (``beta1``) makes gradients older still. A host
stores F batches of its stalks and received messages, however many batches there are.

**What this is not.** ``Nudged`` computes the gradient of backpropagation, to rounding, by messages;
it finds nothing else. ``Relax`` with one sweep learns along another direction, which deviates more
from the gradient with depth: at ten hidden layers use more sweeps or ``Nudged``, and a lower rate.
For one network with wide layers on one machine, backpropagation in a framework that compiles whole
graphs is the better tool. These rules are for networks whose parts are on different machines.
"""
