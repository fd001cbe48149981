"""Configurations: the reading, checking and building of a job that a YAML file describes.

A YAML file becomes a job in three stages:

1. ``sheafnet.config.shipped.find_config`` finds the file, by path or by the name of a shipped
   configuration.
2. ``sheafnet.config.load.load_config`` reads it, applies the overrides of `--set`, and validates
   the result against the schema. It returns a ``sheafnet.config.load.Loaded``.
3. ``sheafnet.config.builders.job.build_job`` reads the files that it names and returns an
   ``InferJob`` or a ``TrainJob``, whose ``prepare`` gives the run.

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

A user sees every fault of a configuration in one ``ConfigError``. Each fault names its source (the
file or `--set`), its key and, where there is one, the nearest valid name; the command line prints
them and ends with exit code 2. So builders collect faults in ``sheafnet.config.faults.Faults`` and
go on, and none of them prints.

## To add a key

1. Add a field to its section in ``sheafnet.config.schema``, with its type and range, a description
   with unit and meaning, and the default of the class that it configures.
2. Give it the name of the parameter that it sets. Builders of rules, optimisers, the simulator and
   the cluster then copy it by name; elsewhere pass it on in the builder.
3. Check what one section shows in a validator of that section, what needs several sections in
   ``sheafnet.config.schema.job.Config``, and what needs the content of a file in a builder.
4. Test a valid and an invalid value in `tests/config`, and add the key to CHANGELOG.md.

A new kind of a section also needs a class in its union, and a case in its builder.
"""
