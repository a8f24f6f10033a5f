// Prints frames as rsocket-js encodes them.
const {serializeFrame, BufferEncoders, FRAME_TYPES} = require('rsocket-core');
const E = BufferEncoders;
const b = s => s == null ? s : Buffer.from(s);
const M = 1 << 8, F = 1 << 7, C = 1 << 6, N = 1 << 5, R = 1 << 7;
const frames = {
  'SETUP': {type: FRAME_TYPES.SETUP, flags: M, streamId: 0, majorVersion: 1, minorVersion: 0, keepAlive: 1000, lifetime: 5000,
    metadataMimeType: 'message/x.rsocket.composite-metadata.v0', dataMimeType: 'application/json', metadata: b('meta'), data: b('{"key":"K"}')},
  'SETUP that asks to resume': {type: FRAME_TYPES.SETUP, flags: R, streamId: 0, majorVersion: 1, minorVersion: 0, keepAlive: 1, lifetime: 0x7fffffff,
    resumeToken: b('token'), metadataMimeType: 'text/plain', dataMimeType: 'text/plain', data: b('')},
  'LEASE': {type: FRAME_TYPES.LEASE, flags: M, streamId: 0, ttl: 30000, requestCount: 7, metadata: b('why')},
  'KEEPALIVE that asks': {type: FRAME_TYPES.KEEPALIVE, flags: R, streamId: 0, lastReceivedPosition: 0, data: b('ping')},
  'KEEPALIVE that answers': {type: FRAME_TYPES.KEEPALIVE, flags: 0, streamId: 0, lastReceivedPosition: 0x0102030405, data: b('')},
  'REQUEST_RESPONSE': {type: FRAME_TYPES.REQUEST_RESPONSE, flags: M, streamId: 1, metadata: b('route'), data: b('hello')},
  'REQUEST_RESPONSE without metadata': {type: FRAME_TYPES.REQUEST_RESPONSE, flags: 0, streamId: 0x7fffffff, data: b('hello')},
  'REQUEST_FNF': {type: FRAME_TYPES.REQUEST_FNF, flags: M, streamId: 3, metadata: b(''), data: b('forget')},
  'REQUEST_STREAM': {type: FRAME_TYPES.REQUEST_STREAM, flags: M, streamId: 5, requestN: 16, metadata: b('m'), data: b('d')},
  'REQUEST_CHANNEL': {type: FRAME_TYPES.REQUEST_CHANNEL, flags: M | C, streamId: 7, requestN: 0x7fffffff, metadata: b('m'), data: b('first')},
  'REQUEST_N': {type: FRAME_TYPES.REQUEST_N, flags: 0, streamId: 5, requestN: 300},
  'CANCEL': {type: FRAME_TYPES.CANCEL, flags: 0, streamId: 5},
  'PAYLOAD': {type: FRAME_TYPES.PAYLOAD, flags: M | N, streamId: 2, metadata: b('m'), data: b('answer')},
  'PAYLOAD that completes': {type: FRAME_TYPES.PAYLOAD, flags: N | C, streamId: 2, data: b('last')},
  'PAYLOAD without payload': {type: FRAME_TYPES.PAYLOAD, flags: C, streamId: 2, data: b('')},
  'PAYLOAD that is a fragment': {type: FRAME_TYPES.PAYLOAD, flags: N | F, streamId: 2, data: b('part')},
  'ERROR': {type: FRAME_TYPES.ERROR, flags: 0, streamId: 1, code: 0x201, message: 'failed'},
  'ERROR of the connection': {type: FRAME_TYPES.ERROR, flags: 0, streamId: 0, code: 3, message: 'no'},
  'RESUME': {type: FRAME_TYPES.RESUME, flags: 0, streamId: 0, majorVersion: 1, minorVersion: 0, resumeToken: b('token'), serverPosition: 12, clientPosition: 34},
  'RESUME_OK': {type: FRAME_TYPES.RESUME_OK, flags: 0, streamId: 0, clientPosition: 56},
};
for (const [name, frame] of Object.entries(frames)) {
  console.log(name + ' | npm rsocket-core 0.0.27 | ' + serializeFrame(frame, E).toString('hex'));
}
