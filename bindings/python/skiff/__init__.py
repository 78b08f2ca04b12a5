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
from .extend import (AdmissionHook, CannotStart, Container, Controller, ControllerClient, Denied,
                     Review, Runtime, admission, controller)
from .harness import SavedCluster
from .members import Member, MemberInfo, restore_snapshot, save_offline
from .streams import Event, LogStream, Watch

__version__ = _lib.skiff_version().decode()
__all__ = ["AdmissionHook", "CannotStart", "Cluster", "Container", "ContainerResult", "Controller",
           "ControllerClient", "Denied", "Event", "JobResult", "LogStream", "Member", "MemberInfo",
           "Review", "Runtime", "SavedCluster", "Watch", "admission", "check_host", "controller",
           "restore_snapshot", "save_offline", *errors.__all__]
