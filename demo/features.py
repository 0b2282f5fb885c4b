"""What a request tells about a stock: past movements only, in one fixed order."""

VOLATILITY_DAYS = (1, 5, 10, 21, 63, 126, 252)
MARKET_DAYS = (5, 21, 63)
RETURN_DAYS = (1, 5, 21)

FEATURES = (
    "ewma_10",
    *(f"vol_{days}" for days in VOLATILITY_DAYS),
    *(f"market_vol_{days}" for days in MARKET_DAYS),
    *(f"return_{days}" for days in RETURN_DAYS),
)
PLACE = {name: place for place, name in enumerate(FEATURES)}
