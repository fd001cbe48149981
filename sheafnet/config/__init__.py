"""From a YAML file to a job: schema, loading with every fault reported, building."""
