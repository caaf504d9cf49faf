/** Reads back what the serializer wrote: a minimal ONNX ModelProto reader (field numbers of onnx.proto3), for tests. */
import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";

type Field = number | bigint | Uint8Array;

/** All fields of a message by number, in order. */
export function fields(bytes: Uint8Array): Map<number, Field[]> {
  const reader = new BinaryReader(bytes);
  const result = new Map<number, Field[]>();
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag();
    let value: Field;
    if (type === WireType.Varint) value = Number(reader.int64());
    else if (type === WireType.Bit32) value = reader.float();
    else if (type === WireType.LengthDelimited) value = reader.bytes();
    else throw new Error(`wire type ${type}`);
    result.set(number, [...(result.get(number) ?? []), value]);
  }
  return result;
}

export const messages = (message: Map<number, Field[]>, field: number) =>
  (message.get(field) ?? []).map((bytes) => fields(bytes as Uint8Array));
export const texts = (message: Map<number, Field[]>, field: number) =>
  (message.get(field) ?? []).map((bytes) => new TextDecoder().decode(bytes as Uint8Array));
export const numbers = (message: Map<number, Field[]>, field: number) =>
  (message.get(field) ?? []).map(Number);

export function readModel(bytes: Uint8Array) {
  const model = fields(bytes);
  const graph = messages(model, 7)[0]!;
  const valueInfo = (entry: Map<number, Field[]>) => {
    const tensor = messages(messages(entry, 2)[0]!, 1)[0]!;
    const shape = messages(tensor, 2)[0];
    return {
      name: texts(entry, 1)[0]!,
      elementType: numbers(tensor, 1)[0]!,
      shape:
        shape === undefined
          ? []
          : messages(shape, 1).map((dimension) => texts(dimension, 2)[0] ?? numbers(dimension, 1)[0]!),
    };
  };
  return {
    irVersion: numbers(model, 1)[0],
    opsets: messages(model, 8).map((entry) => [texts(entry, 1)[0], numbers(entry, 2)[0]]),
    name: texts(graph, 2)[0],
    nodes: messages(graph, 1).map((node) => ({
      type: texts(node, 4)[0]!,
      domain: texts(node, 7)[0]!,
      inputs: texts(node, 1),
      outputs: texts(node, 2),
      attributes: messages(node, 5),
    })),
    /** What lies between inputs and outputs. */
    values: messages(graph, 13).map(valueInfo),
    constants: messages(graph, 5).map((tensor) => ({
      name: texts(tensor, 8)[0]!,
      dims: numbers(tensor, 1),
      elementType: numbers(tensor, 2)[0]!,
      bytes: (tensor.get(9)![0] as Uint8Array).length,
    })),
    inputs: messages(graph, 11).map(valueInfo),
    outputs: messages(graph, 12).map(valueInfo),
  };
}
