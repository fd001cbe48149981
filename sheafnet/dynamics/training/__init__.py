"""Learning from batches: the plan, one pass of a batch, and the learner of one map."""
