"""Where decisions come from: events of pipelines, read into a graph of versions and runs, and the questions asked of it."""
