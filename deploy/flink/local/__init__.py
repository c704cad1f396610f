"""A real Flink cluster on one machine, without containers: see README.md."""
