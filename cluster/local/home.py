"""Where the local site keeps everything: one directory, laid out in one place."""

import json
import os
import uuid
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import quote, unquote

from cluster.errors import NotFound, StateDamaged
from cluster.files import exclusive, make_directory, read_object, write_whole
from cluster.local.ports import free_ports

LOCK_PATIENCE = 10.0


@dataclass(frozen=True, slots=True)
class Ports:
    """The fixed ports of a site on 127.0.0.1."""

    endpoint: int
    admin: int
    prefect: int
    mlflow: int


@dataclass(frozen=True, slots=True)
class Site:
    """What a site is: written once, when its directory is first used."""

    name: str
    region: str
    ports: Ports
    node_id: str

    @property
    def endpoint(self) -> str:
        """The address under which the site's models answer."""
        return f"http://127.0.0.1:{self.ports.endpoint}"


@dataclass(frozen=True, slots=True)
class Home:
    """The paths of one site; the directory itself may not exist yet."""

    path: Path

    def __post_init__(self) -> None:
        # Processes of the site are recognised by this path: two spellings would be two sites.
        object.__setattr__(self, "path", Path(os.path.realpath(self.path)))

    @property
    def site_file(self) -> Path:
        return self.path / "site.json"

    @property
    def ledger(self) -> Path:
        return self.path / "ledger.sqlite"

    @property
    def keeper_file(self) -> Path:
        return self.path / "keeper.json"

    @property
    def processes(self) -> Path:
        return self.path / "processes"

    @property
    def run(self) -> Path:
        return self.path / "run"

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    @property
    def records(self) -> Path:
        return self.path / "records"

    @property
    def samples(self) -> Path:
        return self.path / "samples.jsonl"

    @property
    def evidence(self) -> Path:
        return self.path / "evidence"

    @property
    def reports(self) -> Path:
        return self.path / "reports"

    @property
    def models(self) -> Path:
        return self.path / "models"

    @property
    def mlflow(self) -> Path:
        return self.path / "mlflow"

    @property
    def prefect(self) -> Path:
        return self.path / "prefect"

    @property
    def envoy(self) -> Path:
        return self.path / "envoy"

    @property
    def bootstrap(self) -> Path:
        return self.envoy / "bootstrap.json"

    @property
    def routes(self) -> Path:
        return self.envoy / "xds" / "rds" / "routes.json"

    @property
    def clusters(self) -> Path:
        return self.envoy / "xds" / "cds" / "clusters.json"

    @property
    def endpoints(self) -> Path:
        return self.envoy / "xds" / "eds"

    @property
    def stage(self) -> Path:
        return self.envoy / "stage"

    @property
    def access_log(self) -> Path:
        return self.envoy / "logs" / "access.jsonl"

    @property
    def upstream_log(self) -> Path:
        return self.envoy / "logs" / "upstream.jsonl"

    def spec_file(self, role: str) -> Path:
        """What should run under this role."""
        return self.processes / f"{_file_name(role)}.json"

    def run_file(self, role: str) -> Path:
        """What runs under this role."""
        return self.run / f"{_file_name(role)}.json"

    def log_file(self, role: str) -> Path:
        """What this role's process prints."""
        return self.logs / f"{_file_name(role)}.log"

    def roles(self, directory: Path) -> list[str]:
        """The roles that have a file in `processes` or `run`, sorted."""
        # Not glob: it takes a directory that cannot be read for an empty one.
        names = os.listdir(directory) if directory.exists() else []
        return sorted(unquote(name.removesuffix(".json")) for name in names if name[-5:] == ".json")

    def lay_out(self) -> None:
        """Create the directories of the site."""
        for path in (
            self.processes,
            self.run,
            self.logs,
            self.records,
            self.evidence,
            self.stage,
            self.routes.parent,
            self.clusters.parent,
            self.endpoints,
            self.upstream_log.parent,
        ):
            make_directory(path)

    def site(self) -> Site:
        """The site as it was created; NotFound before `create`, StateDamaged when cut or wrong."""
        # Not Path.is_file: a name may be too long to be looked for.
        if os.path.isfile(self.path):
            raise NotFound(f"{self.path} is a file", hint="PINCEX_HOME names a folder")
        remedy = f"pincex down, then remove {self.site_file}; the next command makes a new one"
        try:
            content = read_object(self.site_file, remedy=remedy)
        except NotFound:
            raise NotFound(f"there is no site in {self.path}", hint="pincex up") from None
        try:
            return _parse(content)
        except (KeyError, TypeError, ValueError) as error:
            raise StateDamaged(f"{self.site_file} is not a site: {error!r}", hint=remedy) from error

    def create(self, name: str = "local", region: str = "local") -> Site:
        """The site, made with free ports and a name for its proxy if this is its first use."""
        self.lay_out()
        with exclusive(self.path / "site.lock", patience=LOCK_PATIENCE):
            if not self.site_file.exists():
                ports = Ports(*free_ports(4))
                made = Site(name, region, ports, node_id=f"pincex-{uuid.uuid4().hex[:12]}")
                write_whole(self.site_file, _text(made), stage=self.stage)
        return self.site()


def _text(site: Site) -> str:
    return json.dumps(asdict(site), indent=1) + "\n"


def _parse(content: dict[str, object]) -> Site:
    ports = content["ports"]
    if not isinstance(ports, dict) or not all(map(_is_port, ports.values())):
        raise ValueError(f"ports are {str(ports)[:200]}")
    if len(set(ports.values())) < len(ports):
        raise ValueError(f"one port for two: {ports}")
    return Site(
        name=_word(content, "name"),
        region=_word(content, "region"),
        ports=Ports(**ports),
        node_id=_word(content, "node_id"),
    )


def _is_port(port: object) -> bool:
    return isinstance(port, int) and not isinstance(port, bool) and 0 < port < 65_536


def _word(content: dict[str, object], key: str) -> str:
    word = content[key]
    if not isinstance(word, str) or not word:
        raise ValueError(f"{key} is {str(word)[:60]!r}")
    return word


def _file_name(role: str) -> str:
    return quote(role, safe="@#+ ")
