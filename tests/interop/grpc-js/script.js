// Against the scripted test host: everything that the protocol has, seen from the outside.
import assert from 'node:assert/strict';
import grpc from '@grpc/grpc-js';
import { deadline, headers, serverStream, unary } from './calls.js';
import { checkHealth, checkReflection } from './services.js';

const LIMIT_BYTES = 4 * 1024 * 1024;
const { status } = grpc;

export async function checkScript(client) {
  const csi = client.package.csi.v1;
  const stubs = Object.fromEntries(client.services.map(({ name }) => [name, client.connect(csi[name])]));
  const { Controller: controller, Identity: identity, Node: node, SnapshotMetadata: snapshots } = stubs;

  for (const service of client.services) {
    for (const method of service.methodsArray) {
      await client.check(`rpc ${service.name}.${method.name}`, () => checkFilled(client, stubs[service.name], method));
    }
  }

  await client.check('status every code', async () => {
    for (let code = 1; code <= 16; code++) {
      const metadata = headers({ 'x-status': String(code), 'x-message-bin': Buffer.from('why') });
      const result = await unary(controller, 'DeleteVolume', {}, { metadata });
      assert.deepEqual([result.code, result.details], [code, 'why']);
    }
  });

  await client.check('status non-ASCII message', async () => {
    const message = '100 % Größe\n体积 🚀 "quoted"';
    const metadata = headers({ 'x-status': '5', 'x-message-bin': Buffer.from(message) });
    const result = await unary(controller, 'DeleteVolume', {}, { metadata });
    assert.equal(result.details, message);
    assert.deepEqual(result.trailer.get('x-trailer'), ['of the exception']);
  });

  await client.check('status after streamed messages', async () => {
    const metadata = headers({ 'x-count': '5', 'x-status': '15', 'x-message-bin': Buffer.from('lost') });
    const result = await serverStream(snapshots, 'GetMetadataAllocated', {}, { metadata });
    assert.equal(result.messages.length, 5);
    assert.deepEqual([result.code, result.details], [status.DATA_LOSS, 'lost']);
  });

  await client.check('status of an unforeseen exception', async () => {
    const result = await unary(controller, 'DeleteVolume', {}, { metadata: headers({ 'x-throw': '1' }) });
    assert.equal(result.code, status.UNKNOWN);
    assert.doesNotMatch(result.details, /secret|InvalidOperation| at /);
  });

  await client.check('unknown method', () => checkUnknown(client, '/csi.v1.Identity/Unknown'));
  await client.check('unknown service', () => checkUnknown(client, '/no.such.Service/Method'));

  await client.check('metadata binary', async () => {
    const all = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
    for (const bytes of [all, all.subarray(0, 1), all.subarray(0, 2), Buffer.alloc(0)]) {
      const metadata = headers({ 'x-echo-bin': bytes, 'x-echo-text': 'plain text, with a comma' });
      const result = await unary(controller, 'DeleteVolume', {}, { metadata });
      assert.equal(result.code, status.OK, result.details);
      for (const got of [result.header, result.trailer]) {
        assert.deepEqual(got.get('x-echo-bin').map((value) => value.toString('hex')), [bytes.toString('hex')]);
        assert.deepEqual(got.get('x-echo-text'), ['plain text, with a comma']);
      }
    }
  });

  // A DeleteVolume request of exactly so many bytes: the field's tag takes one, its length four.
  const sendLarge = async (stub, sizeBytes, code) => {
    const volume_id = 'v'.repeat(sizeBytes - 5);
    const result = await unary(stub, 'DeleteVolume', { volume_id }, { metadata: headers({ 'x-pass': '1' }) });
    assert.equal(result.code, code, result.details);
    if (code === status.OK) assert.deepEqual(result.trailer.get('x-received'), [String(volume_id.length)]);
  };
  await client.check('message of exactly 4 MiB', () => sendLarge(controller, LIMIT_BYTES, status.OK));
  await client.check('message over 4 MiB', () => sendLarge(controller, LIMIT_BYTES + 1, status.RESOURCE_EXHAUSTED));
  await client.check('message over 4 MiB, then the connection still works', async () => {
    for (let i = 0; i < 10; i++) {
      await sendLarge(controller, 2 * LIMIT_BYTES, status.RESOURCE_EXHAUSTED);
      await sendLarge(controller, 1024 * 1024, status.OK);
    }
  });

  await client.check('response of 16 MiB', async () => {
    const size = 16 * 1024 * 1024;
    const stub = client.connect(csi.Identity, { 'grpc.max_receive_message_length': size + 4096 });
    const metadata = headers({ 'x-pass': '1', 'x-response-size': String(size) });
    const result = await unary(stub, 'GetPluginInfo', {}, { metadata });
    assert.equal(result.code, status.OK, result.details);
    assert.equal(result.response.vendor_version.length, size);
  });

  const gzipping = client.connect(csi.Controller, { 'grpc.default_compression_algorithm': 2 });
  await client.check('gzip request', () => sendLarge(gzipping, LIMIT_BYTES / 2, status.OK));
  await client.check('gzip request over 4 MiB decompressed', () => sendLarge(gzipping, LIMIT_BYTES + 1, status.RESOURCE_EXHAUSTED));
  await client.check('gzip response', async () => {
    const metadata = headers({ 'x-pass': '1', 'x-gzip': '1', 'x-response-size': '1048576' });
    const result = await unary(identity, 'GetPluginInfo', {}, { metadata });
    assert.equal(result.code, status.OK, result.details);
    assert.equal(result.response.vendor_version.length, 1048576);
  });

  await client.check('deadline', async () => {
    const begin = Date.now();
    const result = await unary(controller, 'DeleteVolume', {}, { metadata: headers({ 'x-delay-ms': '10000' }), options: { deadline: deadline(200) } });
    assert.equal(result.code, status.DEADLINE_EXCEEDED);
    assert.ok(Date.now() - begin < 5000);
  });

  await client.check('cancellation', async () => {
    const onCall = (call) => setTimeout(() => call.cancel(), 200);
    const result = await unary(controller, 'DeleteVolume', {}, { metadata: headers({ 'x-delay-ms': '10000' }), onCall });
    assert.equal(result.code, status.CANCELLED);
  });

  await client.check('cancellation of an endless stream', async () => {
    const onMessage = (call, count) => count === 100 && call.cancel();
    const result = await serverStream(snapshots, 'GetMetadataAllocated', {}, { metadata: headers({ 'x-pass': '1' }), onMessage });
    assert.equal(result.code, status.CANCELLED);
    assert.ok(result.messages.length >= 100);
  });

  await client.check('concurrent calls', async () => {
    const method = client.services.find(({ name }) => name === 'Node').methods.NodePublishVolume;
    await Promise.all(Array.from({ length: 1000 }, () => checkFilled(client, node, method)));
  });

  await checkHealth(client);
  await checkReflection(client);
}

async function checkFilled(client, stub, method) {
  method.resolve();
  const metadata = headers({ 'x-verify': '1' });
  const request = client.fill(method.resolvedRequestType.fullName);
  const expected = client.fill(method.resolvedResponseType.fullName);
  if (method.responseStream) {
    const result = await serverStream(stub, method.name, request, { metadata });
    assert.equal(result.code, status.OK, result.details);
    assert.deepEqual(plain(result.messages), [expected, expected, expected]);
  } else {
    const result = await unary(stub, method.name, request, { metadata });
    assert.equal(result.code, status.OK, result.details);
    assert.deepEqual(plain(result.response), expected);
  }
}

// Without the prototypes that the loader gives to what it reads.
const plain = (message) => JSON.parse(JSON.stringify(message));

export async function checkUnknown(client, path) {
  const Service = grpc.makeGenericClientConstructor(
    { Call: { path, requestStream: false, responseStream: false, requestSerialize: (bytes) => bytes, responseDeserialize: (bytes) => bytes } },
    'Unknown',
  );
  const result = await unary(client.connect(Service), 'Call', Buffer.alloc(0));
  assert.equal(result.code, status.UNIMPLEMENTED, result.details);
}
