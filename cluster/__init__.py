"""Effects on the platform: workloads, traffic, lock, ledger.

No statistics and no decision may enter, nor Prefect or MLflow; every write is read back.
"""
