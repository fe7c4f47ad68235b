// Calls as promises, with what a check wants to know of them.
import grpc from '@grpc/grpc-js';

const PATIENCE_MS = 20_000;

export function headers(values = {}) {
  const metadata = new grpc.Metadata();
  for (const [key, value] of Object.entries(values)) metadata.set(key, value);
  return metadata;
}

export const deadline = (milliseconds = PATIENCE_MS) => new Date(Date.now() + milliseconds);

/** Never rejects: { code, details, response, header, trailer }. `onCall` gets the call, to cancel it. */
export function unary(stub, method, request, { metadata = headers(), options = { deadline: deadline() }, onCall = () => {} } = {}) {
  return new Promise((resolve) => {
    const result = { code: grpc.status.OK, details: '' };
    const call = stub[method](request, metadata, options, (error, response) => {
      if (error) Object.assign(result, { code: error.code, details: error.details });
      result.response = response;
    });
    call.on('metadata', (header) => { result.header = header; });
    call.on('status', (status) => {
      result.trailer = status.metadata;
      // The callback and the status come in either order.
      setImmediate(() => resolve(result));
    });
    onCall(call);
  });
}

/** Never rejects: { code, details, messages }. `onMessage` gets the call and how many have come. */
export function serverStream(stub, method, request, { metadata = headers(), onMessage = () => {} } = {}) {
  return new Promise((resolve) => {
    const messages = [];
    const call = stub[method](request, metadata, { deadline: deadline() });
    call.on('data', (message) => {
      messages.push(message);
      onMessage(call, messages.length);
    });
    call.on('error', () => {});
    call.on('status', ({ code, details }) => resolve({ code, details, messages }));
  });
}

/** Asks a bidirectional stream one question after the other, then closes it. */
export function ask(stub, method, requests) {
  return new Promise((resolve, reject) => {
    const answers = [];
    const call = stub[method](headers(), { deadline: deadline() });
    call.on('data', (answer) => {
      answers.push(answer);
      if (answers.length < requests.length) call.write(requests[answers.length]);
      else call.end();
    });
    call.on('error', reject);
    call.on('end', () => resolve(answers));
    call.write(requests[0]);
  });
}
