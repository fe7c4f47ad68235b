// grpc.health.v1 and the two versions of server reflection.
import assert from 'node:assert/strict';
import grpc from '@grpc/grpc-js';
import { ask, serverStream, unary } from './calls.js';

const SERVING = 1;
const NOT_SERVING = 2;
const SERVICE_UNKNOWN = 3;

export async function checkHealth(client) {
  const health = client.connect(client.package.grpc.health.v1.Health);
  const expect = async (service, code, state) => {
    const result = await unary(health, 'Check', { service });
    assert.equal(result.code, code, result.details);
    assert.equal(result.response?.status, state);
  };
  await client.check('health of the server', () => expect('', grpc.status.OK, SERVING));
  await client.check('health of a service', () => expect('csi.v1.Node', grpc.status.OK, NOT_SERVING));
  await client.check('health of an unknown service', () => expect('no.such.Service', grpc.status.NOT_FOUND, undefined));
  await client.check('health watched', async () => {
    for (const [service, state] of [['', SERVING], ['no.such.Service', SERVICE_UNKNOWN]]) {
      const result = await serverStream(health, 'Watch', { service }, { onMessage: (call) => call.cancel() });
      assert.equal(result.messages[0]?.status, state);
    }
  });
}

export async function checkReflection(client) {
  for (const version of ['v1alpha', 'v1']) {
    await client.check(`reflection ${version}`, async () => {
      const reflection = client.connect(client.package.grpc.reflection[version].ServerReflection);
      const [listed, found, unknown] = await ask(reflection, 'ServerReflectionInfo', [
        { list_services: '*' },
        { file_containing_symbol: 'csi.v1.Node.NodePublishVolume' },
        { file_containing_symbol: 'no.such.Symbol' },
      ]);
      const names = listed.list_services_response.service.map(({ name }) => name);
      for (const name of ['csi.v1.Identity', 'csi.v1.Controller', 'csi.v1.Node', 'grpc.health.v1.Health']) assert.ok(names.includes(name), name);
      assert.ok(found.file_descriptor_response.file_descriptor_proto.some((file) => file.includes('csi.v1')));
      assert.equal(unknown.error_response.error_code, grpc.status.NOT_FOUND);
    });
  }
}
