"""The helper: really runs the script of a training job and really serves the model of an endpoint."""
