"""Deals users of every kind evenly to the workers.

Locust deals its sequence of users to the workers in turn, so that with two workers and two kinds of users in
alternation one worker would get all agents and the other all contacts. Here each kind comes in runs as long as there
are workers, which gives every worker its share of every kind, to within one.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

from locust import User
from locust.dispatch import UsersDispatcher, _kl_generator

from loadtest.directory import Role
from loadtest.users.cable_user import CableUser


class EvenDispatcher(UsersDispatcher):
    """Locust's dispatcher with another order of users.

    The n-th user started is always the (n modulo workers)-th worker's, also after users were stopped: a worker never
    has more users of a kind than it was dealt identities for.
    """

    def new_dispatch(
        self, target_user_count: int, spawn_rate: float, user_classes: list[type[User]] | None = None
    ) -> None:
        """Begin to start or stop users; a shape that names classes may have named others before."""
        if user_classes is not None:
            self._try_dispatch_fixed = True
        super().new_dispatch(target_user_count, spawn_rate, user_classes)

    def _remove_users_from_workers(self) -> dict[str, dict[str, int]]:
        left: dict[str, dict[str, int]] = super()._remove_users_from_workers()
        place = len(self._active_users) % max(1, len(self._worker_nodes))
        self._worker_node_generator = itertools.cycle(self._worker_nodes[place:] + self._worker_nodes[:place])
        return left

    def _user_gen(self) -> Iterator[str | None]:
        weighted = _kl_generator((u.__name__, u.weight) for u in self._user_classes if not u.fixed_count)
        while True:
            if not self._try_dispatch_fixed:
                yield next(weighted)
                continue
            self._try_dispatch_fixed = False
            run = max(1, len(self._worker_nodes))
            missing = {
                u.__name__: max(0, u.fixed_count - self._get_user_current_count(u.__name__))
                for u in self._user_classes
                if u.fixed_count
            }
            order = _kl_generator([(name, -(-count // run)) for name, count in missing.items()])
            while any(missing.values()):
                name = next(order)
                if name is None:
                    break
                for _ in range(min(run, missing[name])):
                    missing[name] -= 1
                    yield name


def quotas(worker_nodes: list[Any], user_classes: list[type[User]], users: int) -> dict[str, dict[Role, int]]:
    """How many users of each role every worker will get.

    Args:
        worker_nodes: Locust's workers.
        user_classes: the locustfile's users, with their fixed counts.
        users: how many will be started in all.

    Returns:
        Counts by worker id and role.
    """
    dispatcher = EvenDispatcher(list(worker_nodes), list(user_classes))
    dealt, *_ = dispatcher._distribute_users(users)
    roles = {c.__name__: c.role for c in user_classes if issubclass(c, CableUser)}
    result: dict[str, dict[Role, int]] = {}
    for worker_id, counts in dealt.items():
        shares: dict[Role, int] = {"agent": 0, "contact": 0}
        for name, count in counts.items():
            if name in roles:
                shares[roles[name]] += count
        result[worker_id] = shares
    return result


def quotas_in_turn(
    worker_nodes: list[Any], user_classes: list[type[User]], turns: Sequence[tuple[Role, int]]
) -> dict[str, dict[Role, int]]:
    """How many users of each role every worker will get at most, where one role is started after the other.

    Args:
        worker_nodes: Locust's workers.
        user_classes: the locustfile's users.
        turns: roles in the order in which they are started, with the most users of each.

    Returns:
        Counts by worker id and role.
    """
    nodes = EvenDispatcher(list(worker_nodes), list(user_classes))._worker_nodes
    result: dict[str, dict[Role, int]] = {node.id: {"agent": 0, "contact": 0} for node in nodes}
    started = 0
    for role, users in turns:
        for number in range(started, started + users):
            result[nodes[number % len(nodes)].id][role] += 1
        started += users
    return result
