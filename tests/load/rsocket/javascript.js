// rsocket-js talking to itself over one TCP connection on the loopback address, in one process: 64 in flight, payloads of 1 KB, echoed.
const {BufferEncoders, RSocketClient, RSocketServer} = require('rsocket-core');
const {Single} = require('rsocket-flowable');
const TcpClient = require('rsocket-tcp-client').default;
const TcpServer = require('rsocket-tcp-server').default;

const address = {host: '127.0.0.1', port: Number(process.argv[2])};
const DURATION = 3000;
const IN_FLIGHT = 64;
const data = Buffer.alloc(1024, 'x');

new RSocketServer({
  transport: new TcpServer(address, BufferEncoders),
  getRequestHandler: () => ({requestResponse: request => Single.of({data: request.data})}),
}).start();

const setup = {keepAlive: 20000, lifetime: 90000, dataMimeType: 'application/octet-stream', metadataMimeType: 'application/octet-stream'};
const client = new RSocketClient({setup, transport: new TcpClient(address, BufferEncoders)});

function measure(socket) {
  const times = [];
  const began = process.hrtime.bigint();
  const cpu = process.cpuUsage();
  let running = IN_FLIGHT;
  const finish = () => {
    if (--running > 0) return;
    const seconds = Number(process.hrtime.bigint() - began) / 1e9;
    const {user, system} = process.cpuUsage(cpu);
    times.sort((a, b) => a - b);
    const shown = at => times[Math.floor(times.length * at)].toFixed(3) + 'ms';
    console.log(`rsocket-js over TCP: ${Math.round(times.length / seconds)} requests/s, median ${shown(0.5)}, p99 ${shown(0.99)}, ` +
      `CPU ${((user + system) / times.length).toFixed(2)} us per request`);
    process.exit(0);
  };
  const ask = () => {
    const sent = process.hrtime.bigint();
    if (Number(sent - began) / 1e6 > DURATION) return finish();
    socket.requestResponse({data}).subscribe({
      onComplete: () => { times.push(Number(process.hrtime.bigint() - sent) / 1e6); ask(); },
      onError: error => { console.error(error); process.exit(1); },
      onSubscribe: () => {},
    });
  };
  for (let at = 0; at < IN_FLIGHT; at++) ask();
}

setTimeout(() => client.connect().subscribe({
  onComplete: measure,
  onError: error => { console.error(error); process.exit(1); },
  onSubscribe: () => {},
}), 300);
