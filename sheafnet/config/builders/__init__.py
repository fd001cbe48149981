"""The builders of a configuration: each turns a valid section into the object that it describes.

Begin with ``sheafnet.config.builders.job.build_job``, which calls all others:

| module | builds |
|---|---|
| ``sheafnet.config.builders.job`` | a job, its network, rule and runtime |
| ``sheafnet.config.builders.samples`` | samples, from files, tables, tasks or the document |
| ``sheafnet.config.builders.pins`` | pins, with a value for every sample |
| ``sheafnet.config.builders.sheaf`` | a constant sheaf on a graph |
| ``sheafnet.config.builders.simulator`` | the simulator, its channels and its faults |
| ``sheafnet.config.builders.training`` | an optimiser |

Builders read the files that a configuration names, and check what needs their content: shapes,
labels, names of vertices and arrays.

A contributor must keep these rules:

- A builder that finds a fault goes on and collects more, in a
  ``sheafnet.config.faults.Faults``; only ``build_job`` and ``build_inference`` raise
  ``ConfigError``, with all faults at once. A fault is noted under the key that must be changed.
- Settings of rules, optimisers, the simulator and the cluster are copied by name, so a field of a
  section has the name of the parameter that it sets.
- A builder starts no run, no process and no thread.
"""
