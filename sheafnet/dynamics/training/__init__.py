"""Training by local rules: the plan, the pass of one batch, and the learner of one map.

The *pass* of a batch is the work of one vertex on this batch. The *learner* of a vertex updates the
map on the edge from the vertex towards the output.

There is no global backward pass. The tail of an edge owns the map at the tail. It updates this map
from its own stalk and from the messages on the edge. The state of the optimiser is never sent.
The residual of an edge is the projection of its tail minus the projection of its head; the discord
is the mean over the batch of the squared norm of the residual.

| rule | quantity from which a map is updated |
|---|---|
| ``sn.Relax(strength, sweeps)`` | The residual of its edge, after a few steps of the \
stalks. The stalks of a batch start with the values of the forward pass. The output is pulled \
towards the targets. Then one vertex after the other, from the output towards the input, takes \
one step of the rule ``stalks``. By default it moves to a minimum of the energy of its own edges. \
Each map is updated from the residual that is left on its edge, so as to lower the discord. One \
sweep (default) sends one message each way on every edge. |
| ``sn.Nudged()`` | The tension of its edge: the limit of r/γ as γ → 0, where r is the residual \
that a pull of strength γ at the output leaves on the edge. Each vertex receives the tension of \
the edge nearer to the output and multiplies it by the transposed derivative of its map on that \
edge. It sends the result on the edge nearer to the input. |
| ``sn.Joint(alpha, beta, dt)`` | The residual of its edge, while the stalks move too. This is the \
flow of Bosca & Ghrist 2026. In lockstep a thousand steps agree with the program of these \
authors to the last bits. With ``stalks=sn.Prox("keep")`` and an optimiser the training is faster. |

The optimisers are ``sn.Sgd``, ``sn.Adam`` and ``sn.Kron`` (a natural gradient from two second
moments of an edge). All have schedules, decoupled weight decay and a bound on each update.

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

Read ``sheafnet.dynamics.training.plan`` first, then ``learning_rule``, ``batch_pass``,
``map_learner`` and ``batch_program`` in the same package.

**Batches carry tags.** Under ``Relax`` and ``Nudged`` each message carries the number of its
batch, the tag. A vertex waits only for its neighbours; there is no barrier and no global order. On
every runtime, under delay, loss and repetition, the updates of each map are the same as in
lockstep, bit for bit. Changes to this package must keep this property. ``Joint`` has no batches;
under it, vertices step without waiting for each other.

**Rollback and resume.** When a host is lost with its maps, all hosts go back to the snapshot of the
last evaluation and repeat the later steps. After Ctrl-C or SIGTERM, the batches in flight are
finished and a checkpoint is written. A run that is killed leaves the checkpoint of a recent
evaluation (at most one checkpoint is written per second). ``sheafnet run --resume RUN_DIR``
continues a training from its checkpoint. The result is bit for bit the same as without the
interruption, including the history and early stopping. A training under ``Joint`` can neither go
back to a snapshot nor be resumed.

**Several batches in flight.** With ``batches_in_flight=F`` (``training.batches_in_flight`` in a
configuration) the layers work on up to F batches at once. A vertex begins batch b (counted from 0)
when it has finished batch b − F. For batch b, every vertex uses the map after b − F + 1 steps, or
the map of the start if this number is negative, both on the way to the output and on the way back.
With a rate η and a gradient g(W), an update is W ← W − η g(W of F − 1 updates ago). This holds on
every runtime, also when messages or hosts are lost. ``sn.Kron`` tolerates old gradients better than
``sn.Adam``. Momentum (``beta1``) adds to the age of the gradients. A host stores its stalks and
received messages of F batches, however many batches the training has.

**Limits.** ``Nudged`` computes, by messages, the gradient of backpropagation up to rounding; it is
not a different method of learning. ``Relax`` with one sweep updates the maps in a direction that
deviates from the gradient. The deeper the network, the larger the deviation. At ten hidden layers
use more sweeps or ``Nudged``, and a lower rate. For one network with wide layers on one machine,
backpropagation in a framework that compiles whole graphs is the better tool. The rules of this
package are for networks whose parts are on different machines.
"""
