"""The site on one machine: processes under a keeper, behind a real Envoy, driven by files.

Nothing here may know what the processes compute.
"""
