"""What becomes of a fake pod that was ready."""

from kube_release import Shop

UNREADY = (
    '{"status": {"conditions": [{"type": "Ready", "status": "False"}], "containerStatuses": '
    '[{"name": "server", "image": "x", "imageID": "", "ready": false, "restartCount": 0, '
    '"state": {"running": {}}}]}}'
)


def unready(shop: Shop, component: str, version: str) -> None:
    """One pod of a version is not ready any more, and stays so."""
    marks = f"rollout.pincex/component={component},rollout.pincex/version={version}"
    own = ("-n", shop.namespace)
    (pod, *_) = shop.cluster.kubectl(*own, "get", "pods", "-o", "name", "-l", marks).split()
    # The fake kubelet makes a pod ready again within a second unless it is told another fate.
    shop.cluster.kubectl(*own, "label", pod, "pincex.test/fate=never-ready")
    patch = ("patch", pod, "--subresource=status", "--type=strategic", "-p", UNREADY)
    shop.cluster.kubectl(*own, *patch)
