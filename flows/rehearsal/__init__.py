"""A small site with small models, and complete rollouts on it while something is wrong.

`test-pipeline` makes one and throws it away; the tests and the benchmarks make theirs of it.
"""
