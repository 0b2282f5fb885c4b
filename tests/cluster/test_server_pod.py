"""The file that says how a model's server runs in a cluster: taken as it is, or refused by name."""

from pathlib import Path

import pytest
import yaml

from cluster.errors import Invalid
from cluster.kubernetes.serving import workload_of
from cluster.serving import Servers

GOOD = """
containers:
  - name: server
    image: shop/models:1
    env: [{name: TZ, value: UTC}]
    volumeMounts: [{name: state, mountPath: "{home}/records"}]
volumes:
  - {name: state, hostPath: {path: "{home}/records"}}
nodeSelector: {disk: fast}
"""
SERVERS = Servers(
    "price", "v1.0.0", ("-m", "models.server", "--host", "{host}", "--port", "{port}",
    "--instance", "{instance}", "--version", "v1.0.0"), {"OMP_NUM_THREADS": "1"}, 2,
)  # fmt: skip
WRONG = {
    "nothing": ("", "no PodSpec"),
    "no yaml": ("containers: [", "cannot be read"),
    "no container": ("containers: []", "exactly one container"),
    "two containers": ("containers: [{name: server}, {name: other}]", "exactly one container"),
    "another name": ("containers: [{name: web, image: x}]", "called server"),
    "no image": ("containers: [{name: server}]", "no image"),
    "a command of one word": (
        "containers: [{name: server, image: x, command: python}]",
        "list of words",
    ),
    "env by name": ("containers: [{name: server, image: x, env: {A: b}}]", "list of names"),
    "probes of its own": (
        "containers: [{name: server, image: x, readinessProbe: {}, args: [a]}]",
        "says args, readinessProbe",
    ),
    "an end of its own": (
        "containers: [{name: server, image: x}]\nterminationGracePeriodSeconds: 1",
        "says terminationGracePeriodSeconds",
    ),
}


def test_a_pod_is_as_described_and_serves_as_it_must(tmp_path: Path) -> None:
    """The arguments are filled in where a pod runs; what the file says stays."""
    file = tmp_path / "server-pod.yaml"
    file.write_text(GOOD)
    made = workload_of(SERVERS, file, tmp_path)

    assert made.image == "shop/models:1"
    assert made.command == (
        "python", "-m", "models.server", "--host", "0.0.0.0", "--port", "8080",
        "--instance", "$(POD_NAME)", "--version", "v1.0.0",
    )  # fmt: skip
    assert (made.replicas, made.ready_path, made.live_path) == (2, "/readyz", "/healthz")
    assert made.grace > made.drain
    assert made.pod["nodeSelector"] == {"disk": "fast"}
    (mount,) = made.pod["containers"][0]["volumeMounts"]
    assert mount["mountPath"] == f"{tmp_path}/records"
    assert [entry["name"] for entry in made.pod["containers"][0]["env"]] == ["TZ", "POD_NAME"]


@pytest.mark.parametrize(("text", "said"), WRONG.values(), ids=WRONG.keys())
def test_what_cannot_be_a_servers_pod_is_named(tmp_path: Path, text: str, said: str) -> None:
    """With the file, before anything is asked of a cluster."""
    file = tmp_path / "server-pod.yaml"
    file.write_text(text)

    with pytest.raises(Invalid, match=said) as refused:
        workload_of(SERVERS, file, tmp_path)
    assert str(file) in str(refused.value)


def test_without_the_file_it_says_where_one_is_described(tmp_path: Path) -> None:
    """The runbook has one to begin with, which can be taken as it stands."""
    with pytest.raises(Invalid, match="there is no") as refused:
        workload_of(SERVERS, tmp_path / "server-pod.yaml", tmp_path)
    assert "RUNBOOK.md" in refused.value.hint


def test_the_runbooks_example_is_taken(tmp_path: Path) -> None:
    """Whoever copies it gets pods."""
    runbook = (Path(__file__).parents[2] / "RUNBOOK.md").read_text()
    text = (
        runbook.split("### Models in a cluster", 1)[1].split("```yaml\n", 1)[1].split("```", 1)[0]
    )
    file = tmp_path / "server-pod.yaml"
    file.write_text(text)

    assert yaml.safe_load(text.replace("{home}", str(tmp_path)))["volumes"]
    assert workload_of(SERVERS, file, tmp_path).image
