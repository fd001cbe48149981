"""Configurations: the steps from a YAML file to the job that the file describes.

A YAML file becomes a job in three stages:

1. ``sheafnet.config.shipped.find_config`` finds the file, by path or by the name of a shipped
   configuration.
2. ``sheafnet.config.load.load_config`` reads the file, applies the overrides of `--set`, and
   validates the result against the schema. It returns a ``sheafnet.config.load.Loaded``: the
   configuration and the source of its values.
3. ``sheafnet.config.builders.job.build_job`` reads the files that the configuration names. It
   returns an ``InferJob`` or a ``TrainJob``. The method ``prepare`` of this job returns a run or a
   training that has not begun.

Read in this order: ``sheafnet.config.schema`` (all keys, as one pydantic class for each section),
``sheafnet.config.load``, then ``sheafnet.config.builders`` (one builder for each kind of object).

```python
from sheafnet.config.builders.job import build_job
from sheafnet.config.load import load_config
from sheafnet.config.shipped import find_config
from sheafnet.runtime.jobs.observer import Observer

loaded = load_config(find_config("quickstart"), ["rule=prox"])
job = build_job(loaded)
solution = job.prepare(Observer()).execute()

print(loaded.config.rule.kind)  # prox
print(solution.outcome.name)  # CONVERGED
```

## All faults at once

A fault is a key or a value that is wrong. A user sees all faults of a configuration in one
``ConfigError``. Each fault has its source (the file or `--set`) and its key; if a name is wrong and
a valid name is similar, it also has the valid name. The command line prints the faults and ends
with exit code 2. Therefore a builder that finds a fault adds it to a
``sheafnet.config.faults.Faults`` and continues. Builders do not print.

## To add a key

1. Add a field to a section in ``sheafnet.config.schema``. The field has a type and a range, a
   description with meaning and unit, and the default of the class that the section configures.
2. Give the field the name of the parameter that it sets. The builders of rules, optimisers, the
   simulator and the cluster copy fields by name. Every other builder needs a line that passes
   the value on.
3. Write the checks. A condition on one section belongs in a validator of this section; a condition
   on several sections belongs in ``sheafnet.config.schema.job.Config``; a condition on the content
   of a file belongs in a builder.
4. Test a valid and an invalid value in `tests/config`, and add the key to CHANGELOG.md.

A new kind of a section also needs a class in the union of this section, and a case in the builder.
"""
