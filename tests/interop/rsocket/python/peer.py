"""One end of a connection: `server|client tcp PORT`. Both ends answer requests and check those of their own."""

import asyncio
import sys
from datetime import timedelta

from reactivestreams.publisher import DefaultPublisher
from reactivestreams.subscriber import DefaultSubscriber
from reactivestreams.subscription import DefaultSubscription
from rsocket.exceptions import RSocketProtocolError
from rsocket.error_codes import ErrorCode
from rsocket.extensions.composite_metadata import CompositeMetadata
from rsocket.extensions.helpers import composite, metadata_item, require_route, route
from rsocket.extensions.mimetypes import WellKnownMimeTypes
from rsocket.awaitable.awaitable_rsocket import AwaitableRSocket
from rsocket.helpers import create_response, single_transport_provider
from rsocket.payload import Payload
from rsocket.request_handler import BaseRequestHandler
from rsocket.rsocket_client import RSocketClient
from rsocket.rsocket_server import RSocketServer
from rsocket.transports.tcp import TransportTCP

WAIT = 20
METADATA = WellKnownMimeTypes.MESSAGE_RSOCKET_COMPOSITE_METADATA


class Numbers(DefaultPublisher, DefaultSubscription):
    """Numbers from 0, as there is credit."""

    def __init__(self, count, answers, error=None):
        self.next, self.count, self.answers, self.error, self.is_open = 0, count, answers, error, True

    def subscribe(self, subscriber):
        self.subscriber = subscriber
        subscriber.on_subscribe(self)

    def request(self, n):
        while n > 0 and self.is_open and self.next < self.count:
            self.subscriber.on_next(Payload(str(self.next).encode()))
            self.next += 1
            n -= 1
        if self.is_open and self.next >= self.count:
            self.is_open = False
            if self.error:
                self.subscriber.on_error(self.error)
            else:
                self.subscriber.on_complete()

    def cancel(self):
        self.is_open = False
        self.answers.cancelled += 1


class Echo(DefaultPublisher, DefaultSubscription, DefaultSubscriber):
    """Answers each payload of a channel: what arrives gives credit as it is requested."""

    def __init__(self, first):
        super().__init__()
        self.waiting, self.credit, self.has_ended, self.out = [first], 0, False, None
        self.incoming = None

    def subscribe(self, subscriber):
        self.out = subscriber
        subscriber.on_subscribe(self)

    def on_subscribe(self, subscription):
        self.incoming = subscription
        subscription.request(4)

    def on_next(self, value, is_complete=False):
        self.waiting.append(value)
        self.has_ended = self.has_ended or is_complete
        if not is_complete:
            self.incoming.request(1)
        self.flush()

    def on_complete(self):
        self.has_ended = True
        self.flush()

    def on_error(self, exception):
        self.has_ended = True

    def request(self, n):
        self.credit += n
        self.flush()

    def cancel(self):
        self.waiting.clear()

    def flush(self):
        while self.waiting and self.credit > 0 and self.out:
            self.credit -= 1
            self.out.on_next(Payload(b're:' + (self.waiting.pop(0).data or b'')))
        if self.has_ended and not self.waiting and self.out:
            out, self.out = self.out, None
            out.on_complete()


class Answers(BaseRequestHandler):
    """What each implementation answers in these tests."""

    def __init__(self, closed=None):
        self.cancelled, self.forgotten, self.pushed, self.closed = 0, b'', b'', closed

    async def request_response(self, request):
        said = (request.data or b'').decode()
        if said.startswith('bytes:'):
            return create_response(b'x' * int(said[6:]))
        if said == 'fail':
            raise RuntimeError('failed as asked')
        if said == 'reject':
            raise RSocketProtocolError(ErrorCode.REJECTED, data='rejected as asked')
        if said == 'never':
            never = asyncio.get_event_loop().create_future()
            never.add_done_callback(lambda _: self.count_cancelled())
            return never
        if said == 'cancelled?':
            return create_response(str(self.cancelled).encode())
        if said == 'forgotten?':
            return create_response(self.forgotten)
        if said == 'pushed?':
            return create_response(self.pushed)
        if said == 'route?':
            return create_response(require_route(CompositeMetadata().parse(request.metadata)).encode())
        return create_response(request.data, request.metadata)

    def count_cancelled(self):
        self.cancelled += 1

    async def request_stream(self, request):
        said = request.data.decode()
        if said == 'fail':
            return Numbers(2, self, RuntimeError('failed as asked'))
        return Numbers(int(said[6:]) if said.startswith('count:') else 1 << 40, self)

    async def request_channel(self, payload):
        echo = Echo(payload)
        return echo, echo

    async def request_fire_and_forget(self, request):
        said = request.data.decode()
        if said.startswith('checked '):
            print('the other side ' + said, flush=True)
        else:
            self.forgotten = request.data

    async def on_metadata_push(self, payload):
        self.pushed = payload.metadata

    async def on_close(self, rsocket, exception=None):
        if self.closed:
            self.closed.set()

    async def on_connection_error(self, rsocket, exception):
        if self.closed:
            self.closed.set()


class Limited(DefaultSubscriber):
    """Counts what arrives."""

    def __init__(self, credit):
        super().__init__()
        self.credit, self.arrived = credit, 0

    def on_subscribe(self, subscription):
        self.subscription = subscription

    def on_next(self, value, is_complete=False):
        self.arrived += 1


async def check(rsocket):
    """What each implementation requests of the other, and what must come of it."""
    socket, count = AwaitableRSocket(rsocket), 0

    def holds(what, is_so):
        nonlocal count
        assert is_so, 'does not hold: ' + what
        count += 1

    async def ask(said, metadata=None):
        answer = await asyncio.wait_for(rsocket.request_response(Payload(said.encode(), metadata)), WAIT)
        return (answer.data or b'').decode()

    async def until(what, condition):
        end = asyncio.get_event_loop().time() + WAIT
        while asyncio.get_event_loop().time() < end:
            if await condition():
                return holds(what, True)
            await asyncio.sleep(0.02)
        holds(what, False)

    async def error(future):
        try:
            await asyncio.wait_for(future, WAIT)
        except Exception as problem:
            return problem

    echo = await rsocket.request_response(Payload(b'hello', b'meta'))
    holds('an answer', echo.data == b'hello' and echo.metadata == b'meta')
    holds('an empty answer', await ask('') == '')
    holds('a long answer', len(await ask('bytes:200000')) == 200000)
    long = 'y' * 150000
    holds('a long request', await ask(long) == long)
    routed = composite(metadata_item(b'\x01', b'text/x.unknown'), route('interop.route', 'another'))
    holds('a route', await ask('route?', routed) == 'interop.route')
    holds('an error', 'failed as asked' in str(await error(ask('fail'))))
    holds('a rejection', 'rejected as asked' in str(await error(ask('reject'))))
    many = await asyncio.gather(*(ask(f'n{at}') for at in range(200)))
    holds('200 requests at once', many == [f'n{at}' for at in range(200)])
    numbers = await asyncio.wait_for(socket.request_stream(Payload(b'count:100'), limit_rate=8), WAIT)
    holds('a stream', [item.data for item in numbers] == [str(at).encode() for at in range(100)])
    failed = await error(socket.request_stream(Payload(b'fail'), limit_rate=8))
    holds('a stream that fails', 'failed as asked' in str(failed))

    before = int(await ask('cancelled?'))
    limited = Limited(5)
    rsocket.request_stream(Payload(b'forever')).initial_request_n(5).subscribe(limited)

    async def has_arrived(number):
        return limited.arrived == number

    await until('5 of a stream', lambda: has_arrived(5))
    await ask('a request later')
    holds('no more than 5 without credit', limited.arrived == 5)
    limited.subscription.request(3)
    await until('3 more', lambda: has_arrived(8))
    limited.subscription.cancel()

    async def was_cancelled():
        return int(await ask('cancelled?')) > before

    await until('a cancelled stream', was_cancelled)
    others = Numbers(19, Answers())
    channel = await asyncio.wait_for(socket.request_channel(Payload(b'first'), others, limit_rate=8), WAIT)
    holds('a channel', [item.data for item in channel] == [b're:first'] + [f're:{at}'.encode() for at in range(19)])

    await rsocket.fire_and_forget(Payload(b'forget me'))

    async def has(question, expected):
        return await ask(question) == expected

    await until('a request without answer', lambda: has('forgotten?', 'forget me'))
    await rsocket.metadata_push(b'pushed')
    await until('pushed metadata', lambda: has('pushed?', 'pushed'))
    before = int(await ask('cancelled?'))
    never = rsocket.request_response(Payload(b'never'))
    await asyncio.sleep(0.2)
    never.cancel()
    await until('a cancelled request', was_cancelled)
    await asyncio.sleep(10.5)
    holds('10 s of silence but for KEEPALIVE', await ask('alive') == 'alive')
    await rsocket.fire_and_forget(Payload(f'checked {count}'.encode()))


async def client(port):
    closed = asyncio.Event()
    transport = TransportTCP(*await asyncio.open_connection('127.0.0.1', port))
    settings = dict(keep_alive_period=timedelta(seconds=1), max_lifetime_period=timedelta(seconds=4), metadata_encoding=METADATA,
                    setup_payload=Payload(b'setup', b'of python'), fragment_size_bytes=1000)
    async with RSocketClient(single_transport_provider(transport), handler_factory=lambda: Answers(closed), **settings) as rsocket:
        await check(rsocket)
        await asyncio.wait_for(closed.wait(), 60)


async def server(port):
    closed, problems = asyncio.Event(), []

    async def run(rsocket):
        try:
            await check(rsocket)
        except BaseException as problem:
            problems.append(problem)
            closed.set()

    def accept(reader, writer):
        RSocketServer(TransportTCP(reader, writer), handler_factory=lambda: Answers(closed), fragment_size_bytes=1000,
                      on_ready=lambda rsocket: asyncio.ensure_future(run(rsocket)))

    async with await asyncio.start_server(accept, '127.0.0.1', port):
        print('listening', flush=True)
        await asyncio.wait_for(closed.wait(), 120)
    if problems:
        raise problems[0]


asyncio.run(client(int(sys.argv[3])) if sys.argv[1] == 'client' else server(int(sys.argv[3])))
