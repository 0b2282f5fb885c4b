"""Numbers that a column's type cannot hold are the client's mistake, not the model's."""

import pytest

from models.body import BadBody, read_features
from models.signature import Feature


@pytest.mark.parametrize("number", ["1e300", "-1e300", "3.5e38"])
def test_a_number_too_large_for_its_column(number: str) -> None:
    """It would reach a model of 32 bits as infinity."""
    body = f'{{"features": {{"a": {number}}}}}'.encode()

    with pytest.raises(BadBody, match="32 bits") as refused:
        read_features(body, [Feature("a", "float")])

    assert refused.value.status == 422
    assert read_features(body, [Feature("a", "double")]) == [float(number)]
