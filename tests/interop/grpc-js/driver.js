// Against a real driver: every RPC with an empty request, which must be answered and change nothing.
import assert from 'node:assert/strict';
import grpc from '@grpc/grpc-js';
import { serverStream, unary } from './calls.js';
import { checkUnknown } from './script.js';
import { checkReflection } from './services.js';

const { status } = grpc;
// These say only that something broke.
const MEANINGLESS = [status.UNKNOWN, status.INTERNAL, status.UNAVAILABLE, status.DEADLINE_EXCEEDED, status.CANCELLED, status.DATA_LOSS];

export async function checkDriver(client) {
  for (const service of client.services) {
    const stub = client.connect(client.package.csi.v1[service.name]);
    for (const method of service.methodsArray) {
      await client.check(`rpc ${service.name}.${method.name}`, async () => {
        const result = await (method.responseStream ? serverStream : unary)(stub, method.name, {});
        assert.ok(!MEANINGLESS.includes(result.code), `code is ${status[result.code]}: ${result.details}`);
        assert.ok(result.code === status.OK || result.details, `code ${status[result.code]} comes without a message`);
      });
    }
  }
  await client.check('unknown method', () => checkUnknown(client, '/csi.v1.Identity/Unknown'));
  await client.check('unknown service', () => checkUnknown(client, '/no.such.Service/Method'));
  await client.check('message over 4 MiB', async () => {
    const controller = client.connect(client.package.csi.v1.Controller);
    const result = await unary(controller, 'DeleteVolume', { volume_id: 'v'.repeat(5 * 1024 * 1024) });
    assert.equal(result.code, status.RESOURCE_EXHAUSTED, result.details);
  });
  await client.check('health of the server', async () => {
    const result = await unary(client.connect(client.package.grpc.health.v1.Health), 'Check', { service: '' });
    assert.deepEqual([result.code, result.response?.status], [status.OK, 1], result.details);
  });
  await checkReflection(client);
}
