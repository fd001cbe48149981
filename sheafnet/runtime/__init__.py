"""Problems and what runs them: lockstep, hosts, the simulator, the cluster, and jobs."""
