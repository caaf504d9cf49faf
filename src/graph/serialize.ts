/**
 * Writes a graph as an ONNX ModelProto. Field numbers are those of the ONNX specification (onnx.proto3, IR version 10).
 * Weights that would pass protobuf's 2 GB limit belong among the inputs, not the constants.
 */
import { BinaryWriter } from "@bufbuild/protobuf/wire";
import type { AttributeValue, Constant, Domain, Graph, Operation, Value } from "./graph.ts";
import type { DataType } from "./shape.ts";

const irVersion = 10;
const opsets: Record<Domain, number> = { "": 20, "com.microsoft": 1, "com.microsoft.nchwc": 1 };

const elementTypes: Record<DataType, number> = { float32: 1, int32: 6, int64: 7, bool: 9 };

// AttributeProto.AttributeType
const attributeTypes = { float: 1, int: 2, string: 3, ints: 7 } as const;

export interface SerializeOptions {
  /** Name of one more output before the graph's own: an empty sequence of float32 tensors. See src/engine/onnx/in-place.ts. */
  firstOutput?: string;
}

/** Bytes of the model file. @throws RangeError when the constants pass 2 GB */
export function serializeGraph(graph: Graph, name: string, options: SerializeOptions = {}): Uint8Array {
  const constantBytes = graph.constants.reduce((sum, constant) => sum + constant.data.byteLength, 0);
  if (constantBytes > 2_000_000_000) {
    throw new RangeError(`${name}: ${constantBytes} bytes of constants do not fit into one ONNX file`);
  }
  const writer = new BinaryWriter();
  writer.tag(1, 0).int64(irVersion);
  writer.tag(2, 2).string("skipthink");
  message(writer, 7, () => writeGraph(writer, graph, name, options));
  // The standard is always named, others where they are used.
  const domains = new Set<Domain>(["", ...graph.operations.map(({ domain }) => domain)]);
  for (const domain of domains) {
    message(writer, 8, () => {
      writer.tag(1, 2).string(domain);
      writer.tag(2, 0).int64(opsets[domain]);
    });
  }
  return writer.finish();
}

function message(writer: BinaryWriter, field: number, write: () => void): void {
  writer.tag(field, 2).fork();
  write();
  writer.join();
}

function writeGraph(
  writer: BinaryWriter,
  graph: Graph,
  name: string,
  { firstOutput }: SerializeOptions,
): void {
  const operations = neededOperations(graph);
  for (const operation of operations) {
    message(writer, 1, () => writeNode(writer, operation));
  }
  if (firstOutput !== undefined) {
    message(writer, 1, () => writer.tag(2, 2).string(firstOutput).tag(4, 2).string("SequenceEmpty"));
  }
  writer.tag(2, 2).string(name);
  for (const constant of graph.constants) message(writer, 5, () => writeConstant(writer, constant));
  for (const input of graph.inputs) message(writer, 11, () => writeValueInfo(writer, input));
  if (firstOutput !== undefined) message(writer, 12, () => writeSequenceInfo(writer, firstOutput));
  for (const output of graph.outputs) message(writer, 12, () => writeValueInfo(writer, output));
  // onnxruntime infers no names for dimensions that a reshape joins. Told that two values have the same shape, it lets an
  // operation write its result over an input that nobody needs any more.
  const results = new Set(graph.outputs);
  for (const { outputs } of operations) {
    for (const value of outputs)
      if (!results.has(value)) message(writer, 13, () => writeValueInfo(writer, value));
  }
}

/** Operations that lead to an output, in their order: derivatives may leave branches that nobody asks for. */
export function neededOperations(graph: Graph): Operation[] {
  const needed = new Set<Value>(graph.outputs);
  const operations: Operation[] = [];
  for (const operation of [...graph.operations].reverse()) {
    if (operation.virtual || !operation.outputs.some((output) => needed.has(output))) continue;
    operations.push(operation);
    for (const input of operation.inputs) if (input !== undefined) needed.add(input);
  }
  return operations.reverse();
}

function writeNode(writer: BinaryWriter, operation: Operation): void {
  for (const input of operation.inputs) writer.tag(1, 2).string(input?.name ?? "");
  for (const output of operation.outputs) writer.tag(2, 2).string(output.name);
  writer.tag(3, 2).string(operation.outputs[0]!.name);
  writer.tag(4, 2).string(operation.type);
  for (const [name, value] of Object.entries(operation.attributes)) {
    message(writer, 5, () => writeAttribute(writer, name, value));
  }
  writer.tag(7, 2).string(operation.domain);
}

function writeAttribute(writer: BinaryWriter, name: string, value: AttributeValue): void {
  writer.tag(1, 2).string(name);
  if (typeof value === "number") {
    writer.tag(3, 0).int64(value);
    writer.tag(20, 0).int32(attributeTypes.int);
  } else if (typeof value === "string") {
    writer.tag(4, 2).string(value);
    writer.tag(20, 0).int32(attributeTypes.string);
  } else if ("float" in value) {
    writer.tag(2, 5).float(value.float);
    writer.tag(20, 0).int32(attributeTypes.float);
  } else {
    for (const int of value.ints) writer.tag(8, 0).int64(int);
    writer.tag(20, 0).int32(attributeTypes.ints);
  }
}

function writeConstant(writer: BinaryWriter, { value, data }: Constant): void {
  for (const dimension of value.shape) writer.tag(1, 0).int64(dimension as number);
  writer.tag(2, 0).int32(elementTypes[value.dtype]);
  writer.tag(8, 2).string(value.name);
  writer.tag(9, 2).bytes(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
}

function writeValueInfo(writer: BinaryWriter, value: Value): void {
  writer.tag(1, 2).string(value.name);
  message(writer, 2, () =>
    message(writer, 1, () => {
      writer.tag(1, 0).int32(elementTypes[value.dtype]);
      message(writer, 2, () => {
        for (const dimension of value.shape) {
          message(writer, 1, () => {
            if (typeof dimension === "number") writer.tag(1, 0).int64(dimension);
            else writer.tag(2, 2).string(dimension);
          });
        }
      });
    }),
  );
}

/** ValueInfoProto of a sequence of float32 tensors. */
function writeSequenceInfo(writer: BinaryWriter, name: string): void {
  writer.tag(1, 2).string(name);
  // TypeProto.sequence_type, its elem_type, and of that the tensor_type.
  message(writer, 2, () =>
    message(writer, 4, () =>
      message(writer, 1, () => message(writer, 1, () => writer.tag(1, 0).int32(elementTypes.float32))),
    ),
  );
}
