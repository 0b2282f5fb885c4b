"""The runbook: one chapter per module, the composition root, the commands.

The only room that imports Prefect, and the only one that knows all others.
"""
