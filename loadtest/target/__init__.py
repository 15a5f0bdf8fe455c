"""A real deployment: its profile, the probe before a run, provisioning, and what is watched beside a run."""
