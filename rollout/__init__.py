"""The decision: recorded facts in, one action out.

Pure: no clock, environment, network, logger or ``try``. Knows policies, phases and words;
knows nothing of Envoy, Kubernetes, MLflow or Prefect.
"""
