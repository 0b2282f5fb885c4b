"""Loading: every flavor of MLflow, checked before its code runs, and only models one can ask."""

import json
import pickle
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from model_parts import EXAMPLE, PYTHON, model_folder, site_copy

from demo.features import FEATURES
from demo.forecasters import Ewma, Floats
from models.errors import Damaged, Invalid, ModelFailure
from models.loading import Predictor, example, load_verified
from models.manifest import MANIFEST_NAME, canonical, digest, manifest_of
from models.signature import Feature, require_servable

KINDS = ("pickle", "cloudpickle", "skops", "cloudpickle named", "pyfunc")
SAVE = """
import sys, mlflow.pyfunc, mlflow.sklearn, pandas as pd
from mlflow.models import infer_signature
from sklearn.linear_model import LinearRegression
rows = pd.DataFrame({"a": [1.0, 2.0, 3.0], "b": [5.0, 1.0, 2.0]})
truth = rows["a"] + 10 * rows["b"]
signature = infer_signature(rows, truth)
class Sum(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        return model_input["a"] + 10 * model_input["b"]
for kind in sys.argv[2:]:
    folder = sys.argv[1] + "/" + kind
    if kind == "pyfunc":
        mlflow.pyfunc.save_model(folder, python_model=Sum(), signature=signature,
                                 pip_requirements=["numpy"])
    else:
        inputs = rows if kind.endswith("named") else rows.to_numpy()
        mlflow.sklearn.save_model(
            LinearRegression().fit(inputs, truth), folder,
            serialization_format=kind.split()[0], signature=signature,
            input_example=rows.head(1), pip_requirements=["scikit-learn"])
"""


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders as MLflow itself writes them, one for each kind."""
    folder = tmp_path_factory.mktemp("saved")
    subprocess.run([str(PYTHON), "-c", SAVE, str(folder), *KINDS], check=True, capture_output=True)
    return folder


def sealed(folder: Path) -> str:
    """Write the manifest of a folder as it is; returns the digest."""
    manifest = manifest_of(folder)
    (folder / MANIFEST_NAME).write_bytes(canonical(manifest))
    return digest(manifest)


@pytest.mark.parametrize("kind", KINDS)
def test_models_saved_by_mlflow_are_served(saved: Path, kind: str) -> None:
    """In all formats of its scikit-learn flavor, and any other flavor through pyfunc."""
    predictor = load_verified(saved / kind, sealed(saved / kind))

    assert predictor.features == (Feature("a", "double"), Feature("b", "double"))
    assert predictor.predict([2.0, 3.0]) == pytest.approx(32.0)


def test_nothing_runs_before_the_files_are_checked(tmp_path: Path) -> None:
    """A pickle is code: one that was exchanged must not even be opened."""
    expected = site_copy(tmp_path / "model")
    trap = tmp_path / "sprung"
    (tmp_path / "model" / "model.pkl").write_bytes(
        b"cos\nsystem\n(S'touch " + str(trap).encode() + b"'\ntR."
    )

    with pytest.raises(Damaged, match=r"model\.pkl"):
        load_verified(tmp_path / "model", expected)

    assert not trap.exists()


def described(change: Callable[[dict[str, object]], object]) -> Callable[[Path], object]:
    """A change to the MLmodel file."""

    def apply(folder: Path) -> None:
        path = folder / "MLmodel"
        description = json.loads(path.read_text())
        change(description)
        path.write_text(json.dumps(description))

    return apply


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (described(lambda d: d.pop("signature")), "no signature"),
        (described(lambda d: d.update(signature={"inputs": "[]"})), "no signature"),
        (
            described(lambda d: d.update(signature={"inputs": '[{"type": "tensor"}]'})),
            "no signature",
        ),
        (described(lambda d: d.pop("flavors")), "names no flavors"),
        (described(lambda d: d.update(flavors={})), "cannot be loaded"),
        (lambda folder: (folder / "MLmodel").write_text("{: not yaml"), "ParserError"),
        (lambda folder: (folder / "MLmodel").write_text("7"), "names no flavors"),
        (lambda folder: (folder / "model.pkl").write_bytes(b"no pickle"), "UnpicklingError"),
        (
            lambda folder: (folder / "model.pkl").write_bytes(pickle.dumps({"no": "model"})),
            "no attribute 'predict'",
        ),
        (lambda folder: (folder / "input_example.json").write_text("{}"), "KeyError: 'columns'"),
    ],
)
def test_what_cannot_be_asked_is_refused_with_the_reason(
    tmp_path: Path, change: Callable[[Path], object], message: str
) -> None:
    """The manifest is right, the model is not: a sentence, not a traceback."""
    folder = model_folder(tmp_path / "model")
    change(folder)

    with pytest.raises(ModelFailure, match=message):
        load_verified(folder, sealed(folder))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (described(lambda d: d.pop("signature")), "no signature with named columns; save"),
        (described(lambda d: d.update(signature={"inputs": "{"})), "MLmodel: JSONDecodeError"),
        (described(lambda d: d.update(signature={"inputs": '[{"name": "x"}]'})), "KeyError"),
        (described(lambda d: d.update(signature={"inputs": "[7]"})), "AttributeError"),
        (lambda folder: (folder / "MLmodel").write_text("{: not yaml"), "ParserError"),
        (lambda folder: (folder / "MLmodel").write_bytes(b"\xff"), "UnicodeDecodeError"),
        (lambda folder: (folder / "model.pkl").unlink(), "names model.pkl, and there is none"),
    ],
)
def test_what_no_server_could_ask_is_not_registered(
    tmp_path: Path, change: Callable[[Path], object], message: str
) -> None:
    """The data scientist hears it when registering, not when a shadow fails."""
    folder = model_folder(tmp_path / "model")
    require_servable(folder)
    change(folder)

    with pytest.raises(Invalid, match=message):
        require_servable(folder)


def test_the_example_of_a_model_is_a_request(tmp_path: Path) -> None:
    """What a first version is smoke-tested with."""
    folder = model_folder(tmp_path / "model")
    assert example(folder) == dict(zip(FEATURES, EXAMPLE, strict=True))
    (folder / "MLmodel").write_text("")

    with pytest.raises(ModelFailure, match="names no flavors"):
        example(folder)


def test_without_an_example_zeros_warm_the_model_up(tmp_path: Path) -> None:
    """MLflow does not insist on an example."""
    folder = model_folder(tmp_path / "model")
    described(lambda d: d.pop("saved_input_example_info"))(folder)
    (folder / "input_example.json").unlink()

    assert load_verified(folder, sealed(folder)).predict(EXAMPLE) == EXAMPLE[0]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ([1.5], 1.5),
        (np.array([[2.0]]), 2.0),
        (np.array([3]), 3.0),
        (np.array([True]), 1.0),
        (np.array(["up"]), "up"),
        (["up"], "up"),
        (4.0, 4.0),
    ],
)
def test_one_prediction_is_a_number_or_a_text(answer: object, expected: float | str) -> None:
    """However the model wraps it."""
    predictor = Predictor((Feature("a", "double"),), lambda _: answer, as_frame=False)

    assert predictor.predict([1.0]) == expected


@pytest.mark.parametrize(
    "answer", [[], [1.0, 2.0], [float("nan")], [float("inf")], [None], [{}], None]
)
def test_anything_else_is_a_failure_of_the_model(answer: object) -> None:
    """NaN is no prediction; neither are none and two."""
    predictor = Predictor((Feature("a", "double"),), lambda _: answer, as_frame=False)

    with pytest.raises(ModelFailure):
        predictor.predict([1.0])


def test_features_of_all_types_reach_the_model_by_name() -> None:
    """Texts and whole numbers keep their type, as MLflow's schema wants them."""
    features = tuple(
        Feature(name, kind)
        for name, kind in [("n", "long"), ("x", "double"), ("s", "string"), ("b", "boolean")]
    )
    predictor = Predictor(
        features, lambda frame: [" ".join(str(kind) for kind in frame.dtypes)], as_frame=True
    )

    assert predictor.predict([2, 1.5, "up", True]).startswith("int64 float64")  # type: ignore[union-attr]
    assert [feature.blank for feature in features] == [0.0, 0.0, "", False]


@pytest.mark.parametrize(("failures", "loads"), [(4, True), (5, False)])
def test_a_model_that_fails_now_and_then_is_loaded(
    tmp_path: Path, failures: int, loads: bool
) -> None:
    """Its errors are the judge's business; one that only fails is refused."""
    digest = site_copy(tmp_path / "model", Stumbling(failures))

    if loads:
        load_verified(tmp_path / "model", digest)
    else:
        with pytest.raises(ModelFailure, match="stumbled"):
            load_verified(tmp_path / "model", digest)


class Stumbling(Ewma):
    """Fails its first requests."""

    def __init__(self, failures: int) -> None:
        self.failures = failures

    def predict(self, rows: Floats) -> Floats:
        self.failures -= 1
        if self.failures >= 0:
            raise ArithmeticError("stumbled")
        return super().predict(rows)


def test_the_demo_names_the_features_it_was_trained_on(tmp_path: Path) -> None:
    """In the order in which values are handed over."""
    predictor = load_verified(tmp_path / "m", site_copy(tmp_path / "m"))

    assert tuple(feature.name for feature in predictor.features) == FEATURES
