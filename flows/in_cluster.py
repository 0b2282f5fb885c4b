"""The way from a command's options to a namespace of a cluster."""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from flows.refusal import bad_input
from flows.site import Site, site

if TYPE_CHECKING:
    from cluster.kubernetes.api import Api

KUBECONFIG = "~/.kube/config"


def api_of(options: argparse.Namespace) -> "Api":
    """Requests to the namespace that a verb was told of, by the kubeconfig it was told of."""
    from cluster.kubernetes.api import Api
    from cluster.kubernetes.kubeconfig import read_access

    return Api(read_access(kubeconfig_of(options), options.context, options.namespace))


def kubeconfig_of(options: argparse.Namespace) -> Path:
    """The file that was named, or is meant; several stay joined as $KUBECONFIG joins them."""
    given = options.kubeconfig or os.environ.get("KUBECONFIG") or KUBECONFIG
    files = [Path(one).expanduser() for one in given.split(os.pathsep) if one]
    return Path(os.pathsep.join(map(str, files)))


def is_meant(options: argparse.Namespace) -> bool:
    """Whether a verb that both sites have was told of a cluster."""
    return bool(options.kubeconfig or options.context or options.namespace)


def chosen(
    options: argparse.Namespace,
    why: Literal["looking", "registering", "serving", "deploying"] = "looking",
    cluster_only: Sequence[str] = (),
) -> Site:
    """The local site, or a namespace where an option names one, found or made for what is asked.

    Options that are for a cluster alone are bad input on the local site.
    """
    if is_meant(options):
        from flows import cluster_site

        made = {
            "looking": cluster_site.cluster_site,
            "registering": cluster_site.registering_site,
            "serving": cluster_site.serving_site,
            "deploying": cluster_site.deploying_site,
        }
        return made[why](options)
    for option in cluster_only:
        if getattr(options, option) is not None:
            raise bad_input(f"--{option} is for a cluster", f"--namespace NAME --{option} ...")
    return site(options.site)
