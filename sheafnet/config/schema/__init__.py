"""The schema of a configuration: its sections, keys, ranges and defaults.

Begin with ``sheafnet.config.schema.job.Config``, the whole document. Its fields are sections, one
class each, which lie by subject:

| module | sections |
|---|---|
| ``sheafnet.config.schema.job`` | networks, constant sheaves, runtimes, pins, stop, metrics |
| ``sheafnet.config.schema.data`` | samples: from a file, a table, a task, or written out |
| ``sheafnet.config.schema.rules`` | rules that relax and rules that learn |
| ``sheafnet.config.schema.simulator`` | delays, losses and faults of a simulated network |
| ``sheafnet.config.schema.training`` | optimisers, length and evaluation of a training |
| ``sheafnet.config.schema.section`` | the base class, and types that several sections share |

A section that exists in several kinds (a rule, a runtime, a network) is a union of classes, which
the key ``kind`` tells apart. For a rule and a runtime the kind alone may stand for the section:
`rule: prox` is `rule: {kind: prox}`.

A contributor must keep these rules:

- A section is frozen and refuses unknown keys, NaN and infinity. All derive from
  ``sheafnet.config.schema.section.Section``.
- The schema checks what can be seen in the document alone, and that named files exist. It opens
  no file and builds nothing: ``sheafnet.config.builders`` does.
- A new default is taken from the class that it configures (as ``sn.Simulator.loss``), so that
  library and configuration cannot differ.
- pydantic validates fields in the order of the class and passes earlier ones in ``info.data``. In
  ``Config`` the field ``job`` and the field ``sheaf`` therefore come before those that are
  checked against them.
- Every key has a description with its unit, its range and the meaning of its default: in its
  ``Field``, from where `sheafnet schema` prints it, or in a string below the field.
"""
