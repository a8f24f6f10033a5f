// One end of a connection: `server|client tcp|websocket PORT`. Both ends answer requests and check those of their own.
const {BufferEncoders, RSocketClient, RSocketServer, encodeCompositeMetadata, encodeRoute, decodeCompositeMetadata, decodeRoutes,
  MESSAGE_RSOCKET_ROUTING} = require('rsocket-core');
const {Flowable, Single} = require('rsocket-flowable');
const TcpClient = require('rsocket-tcp-client').default;
const TcpServer = require('rsocket-tcp-server').default;
const WebSocketClient = require('rsocket-websocket-client').default;
const WebSocketServer = require('rsocket-websocket-server').default;
const WebSocket = require('ws');

const [role, transport, port] = process.argv.slice(2);
const host = '127.0.0.1';
const WAIT = 20000;
const METADATA = 'message/x.rsocket.composite-metadata.v0';

const bytes = text => Buffer.from(text);
const text = payload => payload.data == null ? '' : payload.data.toString();
const after = milliseconds => new Promise(resolve => setTimeout(resolve, milliseconds));
const answer = (data, metadata) => Single.of({data: bytes(data), metadata});

/** What each implementation answers in these tests. */
function answers() {
  let cancelled = 0;
  let forgotten = '';
  let pushed = '';
  const numbers = (count, end) => new Flowable(subscriber => {
    let next = 0;
    let isOpen = true;
    subscriber.onSubscribe({
      cancel: () => { isOpen = false; cancelled++; },
      request: n => {
        for (; n > 0 && isOpen && next < count; n--) subscriber.onNext({data: bytes(String(next++))});
        if (isOpen && next === count) { isOpen = false; end(subscriber); }
      },
    });
  }, 0x7fffffff);
  return {
    requestResponse(request) {
      const said = text(request);
      if (said.startsWith('bytes:')) return answer('x'.repeat(Number(said.slice(6))));
      switch (said) {
        case 'fail':
        case 'reject': return Single.error(new Error('failed as asked'));
        case 'never': return new Single(subscriber => subscriber.onSubscribe(() => cancelled++));
        case 'cancelled?': return answer(String(cancelled));
        case 'forgotten?': return answer(forgotten);
        case 'pushed?': return answer(pushed);
        case 'route?': return answer(route(request.metadata));
        default: return answer(said, request.metadata);
      }
    },
    requestStream(request) {
      const said = text(request);
      if (said === 'fail') return numbers(2, subscriber => subscriber.onError(new Error('failed as asked')));
      return numbers(said.startsWith('count:') ? Number(said.slice(6)) : Infinity, subscriber => subscriber.onComplete());
    },
    requestChannel: payloads => payloads.map(payload => ({data: bytes('re:' + text(payload))})),
    fireAndForget(request) {
      const said = text(request);
      if (said.startsWith('checked ')) console.log('the other side ' + said); else forgotten = said;
    },
    metadataPush(payload) {
      pushed = payload.metadata.toString();
      return Single.of(undefined);
    },
  };
}

function route(metadata) {
  for (const entry of decodeCompositeMetadata(metadata)) {
    if (entry.mimeType === MESSAGE_RSOCKET_ROUTING.string) return decodeRoutes(entry.content).next().value;
  }
  return '';
}

const one = single => new Promise((resolve, reject) => {
  setTimeout(() => reject(new Error('too late')), WAIT).unref();
  single.subscribe({onComplete: resolve, onError: reject, onSubscribe: () => {}});
});

/** All payloads, with credit for `window` at a time. */
const all = (flowable, window) => new Promise((resolve, reject) => {
  const found = [];
  let subscription;
  setTimeout(() => reject(new Error('too late after ' + found.length)), WAIT).unref();
  flowable.subscribe({
    onComplete: () => resolve(found),
    onError: reject,
    onNext: payload => { found.push(text(payload)); if (found.length % window === 0) subscription.request(window); },
    onSubscribe: granted => { subscription = granted; subscription.request(window); },
  });
});

/** What each implementation requests of the other, and what must come of it. */
async function check(socket) {
  let count = 0;
  const holds = (what, isSo) => { if (!isSo) throw new Error('does not hold: ' + what); count++; };
  const ask = async (said, metadata) => text(await one(socket.requestResponse({data: bytes(said), metadata})));
  const until = async (what, condition) => {
    for (const end = Date.now() + WAIT; Date.now() < end; await after(20)) if (await condition()) return holds(what, true);
    holds(what, false);
  };
  const failed = promise => promise.then(() => null, error => error);
  const echo = await one(socket.requestResponse({data: bytes('hello'), metadata: bytes('meta')}));
  holds('an answer', text(echo) === 'hello' && echo.metadata.toString() === 'meta');
  holds('an empty answer', await ask('') === '');
  holds('a long answer', (await ask('bytes:200000')).length === 200000);
  const routed = encodeCompositeMetadata([
    ['text/x.unknown', Buffer.of(1)], [MESSAGE_RSOCKET_ROUTING, encodeRoute('interop.route')],
  ]);
  holds('a route', await ask('route?', routed) === 'interop.route');
  const error = await failed(ask('fail'));
  holds('an error', error.source.code === 0x201 && error.source.message.includes('failed as asked'));
  holds('a rejection', (await failed(ask('reject'))).source.code === 0x202);
  const many = await Promise.all(Array.from({length: 200}, (_, at) => ask('n' + at)));
  holds('200 requests at once', many.every((found, at) => found === 'n' + at));
  const numbers = await all(socket.requestStream({data: bytes('count:100')}), 8);
  holds('a stream', numbers.length === 100 && numbers[99] === '99');
  holds('a stream that fails', (await failed(all(socket.requestStream({data: bytes('fail')}), 8))).source.code === 0x201);
  const before = Number(await ask('cancelled?'));
  let arrived = 0;
  let subscription;
  socket.requestStream({data: bytes('forever')}).subscribe({
    onNext: () => arrived++, onError: () => {}, onComplete: () => {},
    onSubscribe: granted => { subscription = granted; subscription.request(5); },
  });
  await until('5 of a stream', () => arrived === 5);
  await ask('a request later');
  holds('no more than 5 without credit', arrived === 5);
  subscription.request(3);
  await until('3 more', () => arrived === 8);
  subscription.cancel();
  await until('a cancelled stream', async () => Number(await ask('cancelled?')) > before);
  const sent = Flowable.just(...Array.from({length: 20}, (_, at) => ({data: bytes('c' + at)})));
  const channel = await all(socket.requestChannel(sent), 8);
  holds('a channel', channel.length === 20 && channel[19] === 're:c19');
  socket.fireAndForget({data: bytes('forget me')});
  await until('a request without answer', async () => await ask('forgotten?') === 'forget me');
  const again = Number(await ask('cancelled?'));
  socket.requestResponse({data: bytes('never')}).subscribe({onComplete: () => {}, onError: () => {}, onSubscribe: cancel => setTimeout(cancel, 200)});
  await until('a cancelled request', async () => Number(await ask('cancelled?')) > again);
  await after(10500);
  holds('10 s of silence but for KEEPALIVE', await ask('alive') === 'alive');
  socket.fireAndForget({data: bytes('checked ' + count)});
}

const run = socket => check(socket).catch(error => { console.error(error); process.exit(1); });
/** The other side closes the connection when it has done as well. */
const exitWith = socket => socket.connectionStatus().subscribe({
  onNext: status => { if (status.kind === 'CLOSED' || status.kind === 'ERROR') setTimeout(() => process.exit(0), 100); },
  onSubscribe: subscription => subscription.request(0x7fffffff),
});

if (role === 'server') {
  const options = {host, port: Number(port)};
  const listener = transport === 'tcp' ? new TcpServer(options, BufferEncoders) : new WebSocketServer(options, BufferEncoders);
  new RSocketServer({
    transport: listener,
    getRequestHandler: socket => { exitWith(socket); setTimeout(() => run(socket)); return answers(); },
  }).start();
  console.log('listening');
} else {
  const connector = transport === 'tcp'
    ? new TcpClient({host, port: Number(port)}, BufferEncoders)
    : new WebSocketClient({url: `ws://${host}:${port}/`, wsCreator: url => new WebSocket(url)}, BufferEncoders);
  const setup = {keepAlive: 1000, lifetime: 4000, dataMimeType: 'application/json', metadataMimeType: METADATA,
    payload: {data: bytes('setup'), metadata: bytes('of javascript')}};
  one(new RSocketClient({setup, responder: answers(), transport: connector}).connect())
    .then(socket => { exitWith(socket); return run(socket); }, error => { console.error(error); process.exit(1); });
}
