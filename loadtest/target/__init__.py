"""A real deployment: its profile, the probe that looks at it before a run, and provisioning."""
