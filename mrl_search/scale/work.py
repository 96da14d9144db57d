"""Who does the work of a build: this process, or a Ray cluster (`ray_work`)."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol, TypeVar

T = TypeVar("T")
A = TypeVar("A")


class Work(Protocol):
    """Does the same to many things, none of which depends on another. What is given must survive being pickled."""

    def encode(self, encode: Callable[[str], int], parts: Sequence[str]) -> Iterator[int]:
        """encode(part) of all parts, as they are done; the callable is made once per worker and kept."""

    def each(self, do: Callable[[A], T], items: Sequence[A]) -> Iterator[T]:
        """do(item) of all items, as they are done."""


class LocalWork:
    """One after the other, here."""

    def encode(self, encode: Callable[[str], int], parts: Sequence[str]) -> Iterator[int]:
        """See Work."""
        return map(encode, parts)

    def each(self, do: Callable[[A], T], items: Sequence[A]) -> Iterator[T]:
        """See Work."""
        return map(do, items)


@contextmanager
def working_on(ray: str | None) -> Iterator[Work]:
    """Who works within the block: this process, or a Ray cluster (see `ray_session.joined`)."""
    if ray is None:
        yield LocalWork()
        return
    from mrl_search.scale.ray_session import joined

    with joined(ray) as head:
        from mrl_search.scale.ray_work import RayWork

        yield RayWork(head)
