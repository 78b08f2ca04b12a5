"""Skiff: Kubernetes as a library.

    from skiff import Cluster

    with Cluster(runtime="process") as cluster:
        result = cluster.run_job(manifest)
        print(result.succeeded, cluster.logs(result.containers[0].pod))
"""
from . import errors
from ._library import lib as _lib
from .cluster import Cluster, ContainerResult, JobResult, check_host
from .errors import *  # noqa: F401,F403: one class a code.
from .streams import Event, LogStream, Watch

__version__ = _lib.skiff_version().decode()
__all__ = ["Cluster", "ContainerResult", "Event", "JobResult", "LogStream", "Watch", "check_host",
           *errors.__all__]
