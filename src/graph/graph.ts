/**
 * Symbolic tensors and the graph that holds their operations. Building only records; src/graph/serialize.ts writes the
 * ONNX file and onnxruntime-node runs it. Every operation may carry its derivative, so `gradient()` can walk back.
 */
import type { DataType, Shape } from "./shape.ts";
import { elementCount, formatShape } from "./shape.ts";

export type AttributeValue = number | { float: number } | { ints: readonly number[] } | string;

/** Gives, for the gradient of each output (undefined: not needed), the gradient of each input (undefined: none). */
export type Derivative = (outputGradients: readonly (Value | undefined)[]) => (Value | undefined)[];

/** From the gradient so far of input 0 and the gradients of the outputs, the new gradient of input 0. */
export type Accumulate = (sum: Value, outputGradients: readonly (Value | undefined)[]) => Value;

/** "" is the ONNX standard; "com.microsoft" has ONNX Runtime's contributed operators, "com.microsoft.nchwc" those of its own optimizer. */
export type Domain = "" | "com.microsoft" | "com.microsoft.nchwc";

export interface Operation {
  /** ONNX operator, e.g. "MatMul". */
  type: string;
  domain: Domain;
  /** undefined: an optional input that is not given. */
  inputs: readonly (Value | undefined)[];
  outputs: readonly Value[];
  attributes: Readonly<Record<string, AttributeValue>>;
  derivative: Derivative | undefined;
  /** Adds the gradient of input 0 to a sum there is already, where that is cheaper than making it and adding. */
  accumulate: Accumulate | undefined;
  /** Part of a composite: differentiated through the composite, not by itself. */
  sealed: boolean;
  /** A composite's entry: it carries a derivative and has no node in the file. */
  virtual: boolean;
}

export class Value {
  readonly graph: Graph;
  /** Name in the file; `Graph.output` may give another one. */
  name: string;
  readonly dtype: DataType;
  readonly shape: Shape;

  constructor(graph: Graph, name: string, dtype: DataType, shape: Shape) {
    this.graph = graph;
    this.name = name;
    this.dtype = dtype;
    this.shape = shape;
  }
}

export type ConstantData = Float32Array | Int32Array | BigInt64Array;

export interface Constant {
  value: Value;
  data: ConstantData;
}

export interface OutputSpecification {
  dtype: DataType;
  shape: Shape;
}

export class Graph {
  readonly inputs: Value[] = [];
  readonly outputs: Value[] = [];
  readonly operations: Operation[] = [];
  readonly constants: Constant[] = [];
  private readonly usedNames = new Set<string>();
  private readonly scalars = new Map<string, Value>();
  private counter = 0;
  private sealing = false;

  input(name: string, dtype: DataType, shape: Shape): Value {
    const value = new Value(this, this.claim(name), dtype, shape);
    this.inputs.push(value);
    return value;
  }

  /** A tensor that is stored in the file; onnxruntime packs constant matrices once, when the session is made. */
  constant(data: ConstantData, shape: Shape, name?: string): Value {
    if (data.length !== elementCount(shape)) {
      throw new RangeError(`constant of ${data.length} elements cannot have shape ${formatShape(shape)}`);
    }
    const dtype = data instanceof Float32Array ? "float32" : data instanceof Int32Array ? "int32" : "int64";
    const value = new Value(this, this.claim(name ?? this.fresh("constant")), dtype, shape);
    this.constants.push({ value, data });
    return value;
  }

  /** A float32 scalar constant, shared between its uses. */
  scalar(number: number): Value {
    return this.shared(`f:${number}`, () => this.constant(Float32Array.of(number), []));
  }

  /** A vector of int64 (axes, shapes), shared between its uses. */
  int64s(numbers: readonly number[]): Value {
    const data = BigInt64Array.from(numbers, BigInt);
    return this.shared(`i:${numbers.join()}`, () => this.constant(data, [numbers.length]));
  }

  /** Marks a value as a result, under its own name or a new one. */
  output(value: Value, name?: string): void {
    let result = value;
    if (name !== undefined) {
      const isNamed =
        this.inputs.includes(value) ||
        this.outputs.includes(value) ||
        this.constants.some((constant) => constant.value === value);
      // Inputs, constants and earlier outputs keep the name they are known by; the new one goes to a copy.
      if (isNamed)
        result = this.apply("Identity", [value], {}, [{ dtype: value.dtype, shape: value.shape }])[0]!;
      result.name = this.claim(name);
    }
    this.outputs.push(result);
  }

  /** Records an operation and returns its outputs. */
  apply(
    type: string,
    inputs: readonly (Value | undefined)[],
    attributes: Readonly<Record<string, AttributeValue>>,
    outputs: readonly OutputSpecification[],
    options: {
      domain?: Domain;
      derivative?: Derivative;
      accumulate?: Accumulate;
      names?: readonly string[];
    } = {},
  ): Value[] {
    for (const input of inputs) {
      if (input !== undefined && input.graph !== this)
        throw new Error(`${type}: ${input.name} is of another graph`);
    }
    const values = outputs.map(
      (output, i) =>
        new Value(this, this.claim(options.names?.[i] ?? this.fresh(type)), output.dtype, output.shape),
    );
    this.operations.push({
      type,
      domain: options.domain ?? "",
      inputs,
      outputs: values,
      attributes,
      derivative: options.derivative,
      accumulate: options.accumulate,
      sealed: this.sealing,
      virtual: false,
    });
    return values;
  }

  /**
   * Builds a value out of several operations that share one derivative, because a joint formula is cheaper or more exact
   * than the chain rule through each.
   */
  composite(
    inputs: readonly Value[],
    build: () => Value,
    derivative: (gradient: Value) => (Value | undefined)[],
  ): Value {
    const outer = this.sealing;
    this.sealing = true;
    const output = build();
    this.sealing = outer;
    this.operations.push({
      type: "Composite",
      domain: "",
      inputs,
      outputs: [output],
      attributes: {},
      derivative: ([gradient]) => derivative(gradient!),
      accumulate: undefined,
      sealed: outer,
      virtual: true,
    });
    return output;
  }

  private shared(key: string, make: () => Value): Value {
    let value = this.scalars.get(key);
    if (value === undefined) {
      value = make();
      this.scalars.set(key, value);
    }
    return value;
  }

  private fresh(type: string): string {
    return `${type}_${this.counter++}`;
  }

  private claim(name: string): string {
    if (this.usedNames.has(name)) throw new Error(`the graph already has a value named ${name}`);
    this.usedNames.add(name);
    return name;
  }
}
