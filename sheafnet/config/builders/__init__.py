"""The builders of a configuration: each returns the object that a valid section describes.

Begin with ``sheafnet.config.builders.job.build_job``, which calls all other builders:

| module | builds |
|---|---|
| ``sheafnet.config.builders.job`` | a job with its network, rule and runtime |
| ``sheafnet.config.builders.samples`` | samples, from files, tables, tasks or the document |
| ``sheafnet.config.builders.pins`` | pins, with a value for every sample |
| ``sheafnet.config.builders.sheaf`` | a constant sheaf on a graph |
| ``sheafnet.config.builders.simulator`` | the simulator, its channels and its faults |
| ``sheafnet.config.builders.training`` | an optimiser |

Builders read the files that a configuration names. They check the conditions that depend on the
content of these files: shapes, labels, names of vertices and names of arrays.

A contributor must keep these rules:

- A builder that finds a fault (a wrong value) adds it to a ``sheafnet.config.faults.Faults`` and
  continues, to find more faults. Only ``build_job`` and ``build_inference`` raise ``ConfigError``,
  with all faults at once. The key of a fault is the key that the user must change.
- The settings of rules, optimisers, the simulator and the cluster are copied by name. Therefore a
  field of these sections has the name of the parameter that it sets.
- A builder starts no run, no process and no thread.
"""
