"""The way from a command's options to a namespace of a cluster."""

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from flows.site import Site, site

if TYPE_CHECKING:
    from cluster.kubernetes.api import Api

KUBECONFIG = "~/.kube/config"


def api_of(options: argparse.Namespace) -> "Api":
    """Requests to the namespace that a verb was told of, by the kubeconfig it was told of."""
    from cluster.kubernetes.api import Api
    from cluster.kubernetes.kubeconfig import read_access

    given = options.kubeconfig or os.environ.get("KUBECONFIG") or KUBECONFIG
    return Api(read_access(Path(given).expanduser(), options.context, options.namespace))


def is_meant(options: argparse.Namespace) -> bool:
    """Whether a verb that both sites have was told of a cluster."""
    return bool(options.kubeconfig or options.context or options.namespace)


def chosen(options: argparse.Namespace) -> Site:
    """The local site, or a namespace where an option names one."""
    if not is_meant(options):
        return site(options.site)
    from flows.cluster_site import cluster_site

    return cluster_site(options)
