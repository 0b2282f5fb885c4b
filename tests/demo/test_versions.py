"""The versions of the demo: what they are said to be, as folders that any MLflow loads."""

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from demo.features import FEATURES
from demo.forecasters import Ewma, Failing, Slow
from demo.train import VERSIONS, train
from models.loading import load_verified
from models.manifest import MANIFEST_NAME, canonical, digest, manifest_of

ROW = np.full((1, len(FEATURES)), 0.01)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All versions, made once."""
    folder = tmp_path_factory.mktemp("trained")
    train(folder)
    return folder


def test_training_all_versions_is_quick(tmp_path: Path) -> None:
    """In CPU seconds of a process of its own, so that a busy machine does not matter."""
    code = (
        "import sys, time; from pathlib import Path; from demo.train import train; "
        "train(Path(sys.argv[1])); print(time.process_time())"
    )
    argv = [sys.executable, "-c", code, str(tmp_path)]
    said = subprocess.run(argv, check=True, capture_output=True, text=True).stdout

    assert float(said) < 20
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(VERSIONS)


def test_the_same_training_gives_the_same_bytes(trained: Path, tmp_path: Path) -> None:
    """So that registering the demo again changes nothing."""
    again = train(tmp_path, ["v2.1.0", "v2.5.0"])

    for release, folder in again.items():
        assert manifest_of(folder) == manifest_of(trained / release)


@pytest.mark.parametrize("release", VERSIONS)
def test_the_model_server_can_load_each_version(trained: Path, release: str) -> None:
    """And gets a volatility from it."""
    folder = trained / release
    manifest = manifest_of(folder)
    (folder / MANIFEST_NAME).write_bytes(canonical(manifest))

    predictor = load_verified(folder, digest(manifest))

    assert tuple(feature.name for feature in predictor.features) == FEATURES
    assert 0.001 < float(predictor.ask(ROW)[0]) < 0.1


@pytest.mark.parametrize("release", ["v2.1.0", "v2.5.0"])
def test_mlflow_itself_loads_what_was_written_without_it(trained: Path, release: str) -> None:
    """The folders are MLflow models, signature included."""
    code = (
        "import sys, mlflow.pyfunc, pandas as pd; m = mlflow.pyfunc.load_model(sys.argv[1]); "
        "names = m.metadata.signature.inputs.input_names(); "
        "print(float(m.predict(pd.DataFrame([[0.01] * len(names)], columns=names))[0]))"
    )
    argv = [sys.executable, "-c", code, str(trained / release)]
    said = subprocess.run(argv, check=True, capture_output=True, text=True).stdout

    assert 0.001 < float(said) < 0.1


def test_the_slow_version_is_late_on_its_share(monkeypatch: pytest.MonkeyPatch) -> None:
    """150 ms on about one request in five, and never on the others."""
    pauses: list[float] = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    model = Slow(Ewma(), share=0.2, seconds=0.150)
    for _ in range(4000):
        model.predict(ROW)

    assert set(pauses) == {0.150}
    assert 0.17 < len(pauses) / 4000 < 0.23


def test_the_failing_version_raises_on_its_share() -> None:
    """About three in a hundred."""
    model, failures = Failing(Ewma(), share=0.03), 0
    for _ in range(4000):
        try:
            model.predict(ROW)
        except ArithmeticError:
            failures += 1

    assert 0.018 < failures / 4000 < 0.042
