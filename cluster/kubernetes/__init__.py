"""The site in a cluster: Deployments, Services, an HTTPRoute and Leases, over the API alone.

Nothing here may know what the pods compute, and nothing is believed that was not read back.
"""
