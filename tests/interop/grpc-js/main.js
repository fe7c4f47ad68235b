// Drives a CSI server with grpc-js, which shares no code with the gRPC stacks of Go, C++ and .NET.
import path from 'node:path';
import grpc from '@grpc/grpc-js';
import protoLoader from '@grpc/proto-loader';
import protobuf from 'protobufjs';
import { checkDriver } from './driver.js';
import { makeFiller } from './filler.js';
import { checkScript } from './script.js';

const FILES = ['csi/csi.proto', 'grpc/health.proto', 'grpc/reflection.v1.proto', 'grpc/reflection.v1alpha.proto'];

const [protoDirectory, socket, mode] = process.argv.slice(2);
if (!socket || !['script', 'driver'].includes(mode)) {
  console.error('usage: main.js PROTO_DIRECTORY SOCKET script|driver');
  process.exit(2);
}

const definition = protoLoader.loadSync(FILES, {
  includeDirs: [path.resolve(protoDirectory)], keepCase: true, longs: String, enums: Number, bytes: Buffer,
});
const root = new protobuf.Root();
root.resolvePath = (_, file) => (file.startsWith('google/') ? file : path.resolve(protoDirectory, file));
root.loadSync(FILES[0], { keepCase: true });

const client = {
  fill: makeFiller(root),
  package: grpc.loadPackageDefinition(definition),
  // grpc-js sends "localhost" as the authority of a Unix socket, as kubelet and the sidecars do.
  connect: (Service, options = {}) => new Service(`unix:${socket}`, grpc.credentials.createInsecure(), options),
  // The services of csi.proto by name, with their methods.
  services: root.lookup('csi.v1').nestedArray.filter((entry) => entry instanceof protobuf.Service),
  failures: 0,
  async check(name, run) {
    try {
      await run();
      console.log(`PASS ${name}`);
    } catch (error) {
      client.failures++;
      console.log(`FAIL ${name}: ${error.message.replaceAll('\n', ' ')}`);
    }
  },
};

await (mode === 'script' ? checkScript : checkDriver)(client);
process.exit(client.failures > 0 ? 1 : 0);
