"""Learning from batches: the plan, the pass of one batch, and the learner of one map."""
