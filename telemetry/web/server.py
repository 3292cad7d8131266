"""The server of the page: sockets and one thread around `connection` and `site`.

Promises:
- No client, however slow, silent or greedy, disturbs the pipeline or another client.
- There are MAX_CLIENTS at once; MAX_STREAMS of them may listen to the stream. Nothing piles up for any of
  them.
- Where there is no room, the client gives way that has done nothing for longest.
- All clients together get STEPS_PER_S a second: one that asks as fast as it can takes a bounded share of the
  processor from the pipeline. The rest waits.
- They leave RESERVED_DESCRIPTORS of those that the process may open to the pipeline.
- An address that cannot be used, or a thread that does not start, is one warning. The service runs without
  the page.

Relies on `published` and `close` being called from one thread.
"""

import contextlib
import logging
import os
import resource
import selectors
import socket
import sys
import threading
from collections.abc import Callable, Iterable
from functools import partial
from http import HTTPStatus
from pathlib import Path

from telemetry.clock import Clock
from telemetry.errors import UnavailableError
from telemetry.threads import start
from telemetry.web.connection import Answer, Connection, Stream
from telemetry.web.history import LEAST_S
from telemetry.web.http import Request, words
from telemetry.web.settings import ListenAddress, WebSettings
from telemetry.web.site import Site, Views

LOG = logging.getLogger(__name__)

MAX_CLIENTS = 64
MAX_STREAMS = 48
# For what spool, sink, sources, status and a reload with its parser open at times (docs/systemd.md).
RESERVED_DESCRIPTORS = 32
_OWN_DESCRIPTORS = Path("/proc/self/fd")
STEPS_PER_S = 500.0  # a step: a connection taken, something read or sent
BURST_STEPS = 200.0
SEND_BUFFER_BYTES = 32 * 1024  # the kernel's, of each client
_READ_BYTES = 4096
_SENDS_AT_ONCE = 4
_PAUSE_STEPS = 50.0
_BACKLOG = 64
_CLOSE_S = 1.0

_NO_ROOM = words(HTTPStatus.SERVICE_UNAVAILABLE, "too many clients; try again", (("Retry-After", "5"),))


class StepBudget:
    """Allows `burst` steps at once and `per_s` of them a second."""

    def __init__(self, per_s: float, burst: float, now_s: float) -> None:
        self._per_s = per_s
        self._burst = burst
        self._left = burst
        self._at_s = now_s

    def take(self, steps: float = 1.0) -> None:
        """Note that the server has done so many steps."""
        self._left -= steps

    def wait_s(self, now_s: float) -> float:
        """Return how long to wait before the next step; 0: not at all."""
        self._left = min(self._left + (now_s - self._at_s) * self._per_s, self._burst)
        self._at_s = now_s
        return max(-self._left / self._per_s, 0.0)


class _Client:
    """A socket and the state of its client."""

    def __init__(self, peer: socket.socket, connection: Connection) -> None:
        self.peer = peer
        self.connection = connection
        self.is_shut = False  # our side is closed


class WebServer:
    """Serves the page, or nothing, as the settings say."""

    def __init__(self, settings: WebSettings, views: Views, clock: Clock) -> None:
        self._settings = settings
        self.site = Site(views, clock, settings.names, with_values=settings.values)
        self._clock = clock
        self._pace = StepBudget(STEPS_PER_S, BURST_STEPS, clock.monotonic_s())
        self._selector = selectors.DefaultSelector()
        self._listener: socket.socket | None = None
        self._clients: dict[int, _Client] = {}  # by descriptor, in the order in which they came
        self._wake = -1
        self._was_published = False
        self._remember_at_s = float("-inf")  # when the curves need their next sample
        self._most_open = 0  # descriptors of this process, with those of clients
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="web", daemon=True)
        self.state = "off"  # or the page's address, or why there is none

    def start(self) -> None:
        """Bind and begin to answer."""
        address = self._settings.listen
        if address is None:
            return
        family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
        try:
            self._listener = listener = socket.create_server(
                (address.host, address.port), family=family, backlog=_BACKLOG
            )
            listener.setblocking(False)
            self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
            self._selector.register(self._wake, selectors.EVENT_READ, self._woken)
            self._selector.register(listener, selectors.EVENT_READ, partial(self._accept, listener))
            self._most_open = _most_descriptors() - RESERVED_DESCRIPTORS
            start(self._thread)
        except (OSError, UnavailableError) as error:
            self._do_without(address, error)
            return
        port = listener.getsockname()[1]
        host = str(address).rpartition(":")[0]
        self.state = f"http://{host}:{port}/"
        readers = "" if address.is_loopback else ", for all that reach this machine"
        LOG.info("the page is at %s%s", self.state, readers)

    def _do_without(self, address: ListenAddress, error: OSError | UnavailableError) -> None:
        reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else str(error)
        self.state = f"not served: {reason}"
        LOG.warning("%s: the page is not served: %s", address, reason)
        if self._listener is not None:
            self._listener.close()
        if self._wake >= 0:
            os.close(self._wake)
            self._wake = -1

    def published(self) -> None:
        """Show what is new. With nobody to show it to, take only what the curves need."""
        now_s = self._clock.monotonic_s()
        if self._wake >= 0 and (self._clients or now_s >= self._remember_at_s):
            self._remember_at_s = now_s + LEAST_S
            self._was_published = True
            os.eventfd_write(self._wake, 1)

    def close(self) -> None:
        """Close all connections and stop."""
        if self._wake < 0:
            self._selector.close()
            return
        self._closing.set()
        os.eventfd_write(self._wake, 1)
        self._thread.join(_CLOSE_S)
        if not self._thread.is_alive():
            os.close(self._wake)
        self._wake = -1

    # -- the thread

    def _serve(self) -> None:
        try:
            while not self._closing.is_set():
                self._round()
        except Exception:
            LOG.exception("the page is served no more")
        finally:
            for client in list(self._clients.values()):
                self._drop(client)
            if self._listener is not None:
                self._listener.close()
            self._selector.close()

    def _round(self) -> None:
        for key, events in self._selector.select(self._patience_s()):
            act: Callable[[int], None] = key.data
            act(events)
        now_s = self._clock.monotonic_s()
        for client in list(self._clients.values()):
            if now_s >= client.connection.deadline_s:
                self._drop(client)
        if self._streams() and now_s >= self.site.due_s:
            self._update(self.site.tick)
        wait_s = self._pace.wait_s(now_s)
        if wait_s > 0.0:
            self._closing.wait(wait_s)

    def _patience_s(self) -> float | None:
        moments_s = [client.connection.deadline_s for client in self._clients.values()]
        if self._streams():
            moments_s.append(self.site.due_s)
        nearest_s = min(moments_s, default=float("inf"))
        return None if nearest_s == float("inf") else max(nearest_s - self._clock.monotonic_s(), 0.0)

    def _woken(self, _events: int) -> None:
        os.eventfd_read(self._wake)
        if self._was_published:
            self._was_published = False
            self._update(partial(self.site.published, is_listened_to=bool(self._streams())))

    def _update(self, make: Callable[[], None]) -> None:
        """Make the next message, and send it to all that have taken the last one."""
        try:
            make()
        except Exception:
            LOG.exception("the live values cannot be shown")
            return
        for client in self._streams():
            if client.connection.proceed(self._clock.monotonic_s()):
                self._go_on(client)

    def _accept(self, listener: socket.socket, _events: int) -> None:
        self._pace.take()
        try:
            peer, _ = listener.accept()
            peer.setblocking(False)
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except BlockingIOError:
            return  # it has left already
        except OSError:
            self._pace.take(_PAUSE_STEPS)  # no descriptor or memory is left; it is tried again
            return
        if self._is_full() and not self._make_room(self._clients.values()):
            with contextlib.suppress(OSError):
                peer.send(_NO_ROOM.head(keep_alive=False) + _NO_ROOM.body)
            peer.close()
            return
        client = _Client(peer, Connection(self._answer, self._clock.monotonic_s()))
        self._clients[peer.fileno()] = client
        self._selector.register(peer, selectors.EVENT_READ, partial(self._serve_client, client))

    def _is_full(self) -> bool:
        """Return whether no more fit beside the client that was accepted last."""
        if len(self._clients) >= MAX_CLIENTS:
            return True
        try:
            open_now = len(list(_OWN_DESCRIPTORS.iterdir())) - 1  # but the one that lists them
        except OSError:  # out of descriptors
            return True
        return open_now > self._most_open

    def _serve_client(self, client: _Client, events: int) -> None:
        if client.peer.fileno() < 0:
            return  # it gave way to another one in this round
        if events & selectors.EVENT_READ and not self._read(client):
            self._drop(client)
            return
        self._go_on(client)

    def _read(self, client: _Client) -> bool:
        """Take what a client sends; whether it may stay."""
        self._pace.take()
        try:
            data = client.peer.recv(_READ_BYTES)
        except BlockingIOError:
            return True
        except OSError:
            return False
        if not data:
            return False
        try:
            client.connection.received(data, self._clock.monotonic_s())
        except Exception:
            LOG.exception("a request cannot be answered")
            return False
        return True

    def _go_on(self, client: _Client) -> None:
        """Send a client its output, as far as it takes it."""
        connection = client.connection
        try:
            for _ in range(_SENDS_AT_ONCE):
                if not connection.output:
                    break
                self._pace.take()
                count = client.peer.send(connection.output)
                connection.sent(count, self._clock.monotonic_s())
            if connection.is_draining and not client.is_shut:
                client.is_shut = True
                client.peer.shutdown(socket.SHUT_WR)
        except BlockingIOError:
            pass  # the selector reports when it takes more
        except OSError:
            self._drop(client)
            return
        except Exception:
            LOG.exception("a request cannot be answered")
            self._drop(client)
            return
        events = selectors.EVENT_READ if connection.wants_input else 0
        events |= selectors.EVENT_WRITE if connection.output else 0
        key = self._selector.get_key(client.peer)
        if key.events != events:
            self._selector.modify(client.peer, events, key.data)

    def _answer(self, request: Request) -> Answer:
        answer = self.site.answer(request)
        if isinstance(answer, Stream) and len(self._streams()) >= MAX_STREAMS:
            return answer if self._make_room(self._streams()) else _NO_ROOM
        return answer

    def _streams(self) -> list[_Client]:
        return [client for client in self._clients.values() if client.connection.is_stream]

    def _make_room(self, clients: Iterable[_Client]) -> bool:
        """Drop the one that has done nothing for longest; False: all of them keep their place."""
        now_s = self._clock.monotonic_s()
        idle: list[tuple[float, _Client]] = []
        for client in clients:
            since_s = client.connection.may_give_way(now_s)
            if since_s is not None:
                idle.append((since_s, client))
        if not idle:
            return False
        self._drop(min(idle, key=lambda each: each[0])[1])
        return True

    def _drop(self, client: _Client) -> None:
        if self._clients.pop(client.peer.fileno(), None) is not None:
            self._selector.unregister(client.peer)
            client.peer.close()


def _most_descriptors() -> int:
    """Return how many this process may have open at once."""
    soft, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return sys.maxsize if soft == resource.RLIM_INFINITY else soft
