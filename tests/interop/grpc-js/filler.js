// Messages by the rule in ../README.md, in the form that proto-loader takes and gives: 64-bit numbers as strings.
import protobuf from 'protobufjs';

const BIG = 1n << 60n;

export function makeFiller(root) {
  function fill(fullName) {
    const message = {};
    for (const field of root.lookupType(fullName).fieldsArray) {
      field.resolve();
      if (field.partOf?.fieldsArray.some((other) => other.id > field.id)) continue;
      if (field instanceof protobuf.MapField) message[field.name] = { [`key-${field.id}`]: `${field.name}-${field.id}` };
      else if (field.repeated) message[field.name] = [value(field), value(field)];
      else message[field.name] = value(field);
    }
    return message;
  }

  function value(field) {
    if (field.resolvedType instanceof protobuf.Enum) return Math.max(...Object.values(field.resolvedType.values));
    if (field.resolvedType) return child(field);
    switch (field.type) {
      case 'string': return `${field.name}-${field.id}-é`;
      case 'bool': return true;
      case 'int32': return 1000 * field.id + 7;
      case 'int64': return String(BIG + BigInt(1000 * field.id + 7));
      default: throw new Error(`csi.proto has no field of ${field.type} yet: add it to the rule`);
    }
  }

  function child(field) {
    switch (field.resolvedType.fullName) {
      case '.google.protobuf.Int64Value': return { value: String(BIG + BigInt(field.id)) };
      case '.google.protobuf.BoolValue': return { value: true };
      case '.google.protobuf.Timestamp': return { seconds: String(1000 * field.id), nanos: 7 };
      default: return fill(field.resolvedType.fullName);
    }
  }

  return fill;
}
