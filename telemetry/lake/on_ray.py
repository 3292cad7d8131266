"""The workers of a cluster of Ray."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Self

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from telemetry.errors import UnavailableError, one_line
from telemetry.lake import engines


class Workers(engines.Workers):
    """A driver. A function lies in the store of objects, from which each machine fetches it once."""

    def __enter__(self) -> Self:
        try:
            ray.init(self._address, log_to_driver=False, logging_level="ERROR")
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise UnavailableError(f"no workers of Ray: {error}", where=self._address) from error
        self._done_by = ray.remote(num_cpus=1, max_retries=engines.ATTEMPTS - 1)(engines.done_by)
        self._given: dict[Any, int] = {}
        return self

    def __exit__(self, *_: object) -> None:
        ray.shutdown()

    def found(self, needed: engines.Needed) -> Mapping[str, tuple[str, str]]:
        nodes = {node["NodeManagerAddress"]: node["NodeID"] for node in ray.nodes() if node["Alive"]}
        there = [NodeAffinitySchedulingStrategy(id, soft=False) for id in nodes.values()]
        asked = [self._done_by.options(scheduling_strategy=each, max_retries=-1) for each in there]
        try:  # again, as often as a worker dies meanwhile
            answers = ray.get([each.remote(engines.Needed.found, needed) for each in asked])
        except ray.exceptions.RayError as error:
            raise self._failed(error) from error
        return dict(zip(nodes, answers, strict=True))

    def _failed(self, error: Exception) -> UnavailableError:
        return UnavailableError(f"Ray has failed: {one_line(str(error))}", where=self._address)

    @property
    def room(self) -> int:
        return int(ray.cluster_resources().get("CPU", 0))

    def share(self, run: Callable[[Any], Any]) -> Any:
        return ray.put(run)

    def give(self, number: int, run: Any, work: Any) -> None:
        self._given[self._done_by.remote(run, work)] = number

    def ended(self, timeout_s: float) -> Iterator[tuple[int, Any]]:
        for reference in ray.wait([*self._given], timeout=timeout_s)[0]:
            try:
                done = ray.get(reference)
            except (ray.exceptions.WorkerCrashedError, ray.exceptions.OutOfMemoryError):
                done = engines.LostWorkerError()
            except ray.exceptions.RayError as error:
                raise self._failed(error) from error
            yield self._given.pop(reference), done
