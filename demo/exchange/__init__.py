"""A sample exchange of small real services: market data, order entry, settlement.

They ship with the local site; `application.toml` beside them says how they run and what each is.
"""
