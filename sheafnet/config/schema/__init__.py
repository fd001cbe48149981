"""The schema of a configuration: its sections, keys, ranges and defaults.

Begin with ``sheafnet.config.schema.job.Config``, the whole document. Its fields are sections, and
each section is a class. The classes are in these modules:

| module | sections |
|---|---|
| ``sheafnet.config.schema.job`` | networks, constant sheaves, runtimes, pins, stop, metrics |
| ``sheafnet.config.schema.data`` | samples: from a file, a table, a task or the document |
| ``sheafnet.config.schema.rules`` | rules that change stalks, and rules that change maps |
| ``sheafnet.config.schema.simulator`` | delays, losses and faults of a simulated network |
| ``sheafnet.config.schema.training`` | optimisers, length and evaluation of a training |
| ``sheafnet.config.schema.section`` | the base class, and types that several sections share |

Some sections exist in several kinds, such as a rule, a runtime or a network. Such a section is a
union of classes, and the key ``kind`` selects the class. For a rule and a runtime the kind alone
may stand for the section: `rule: prox` means `rule: {kind: prox}`.

A contributor must keep these rules:

- All sections derive from ``sheafnet.config.schema.section.Section``. They are frozen and refuse
  unknown keys, NaN and infinity.
- The schema checks conditions that depend on the document alone, and that the named files exist. It
  does not open files or build objects; ``sheafnet.config.builders`` does both.
- The default of a new key is taken from the class that the section configures (for example
  ``sn.Simulator.loss``), so that the library and the configuration have the same default.
- pydantic validates fields in the order in which the class lists them, and passes the fields that
  are already validated in ``info.data``. Therefore the fields ``job`` and ``sheaf`` of ``Config``
  come before the fields whose validators read them.
- Every key has a description with its unit, its range and the meaning of its default. The
  description is in the ``Field`` of the key, or in a string below the field; `sheafnet schema`
  prints both.
"""
