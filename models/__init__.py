"""Effects on models: registry, integrity manifest, serving, shadow records, labels.

MLflow and the HTTP client to it stop here. Nothing in this room knows of Envoy, pods or Prefect.
"""
