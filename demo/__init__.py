"""The demo: real models on real prices, and a client from outside that knows only HTTP.

No part of the product: it sees none of the other rooms, and none of them sees it, but for the
command that starts it.
"""
