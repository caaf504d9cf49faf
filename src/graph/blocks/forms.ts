/**
 * The forms that a matrix [r, c] can have in memory, and the operators that bring it from one into another. *plain*: row by row.
 * *blocked*: b columns at a time, [c / b][r][b], which is an image with the columns as channels and the rows as pixels in the layout of
 * onnxruntime's own convolutions. *turned*: the blocked form of the transposed matrix, [r / b][c][b].
 */
import type { Graph, Operation, Value } from "../graph.ts";
import type { Dimension, Shape } from "../shape.ts";

export type Form = "plain" | "blocked" | "turned";

export interface BlockOptions {
  /** b: columns of a block, the width of the processor's vectors. */
  block: number;
  /** Symbolic dimensions that are multiples of the block in every run, and the size to reckon with. */
  aligned: Readonly<Record<string, number>>;
}

/** The domain of the operators that work on blocked images. */
export const blockedDomain = "com.microsoft.nchwc";

/** Nanoseconds on two threads of a Xeon with AVX-512, inside training steps; only their ratios matter. */
const cost = {
  /** Per element from plain to another form. */
  block: 0.33,
  /** Per element back to plain, from the turned form on one thread. */
  unblock: 0.54,
  turnBack: 0.67,
  /** Per conversion. */
  nodes: 8e3,
};

/** The forms that each value of a graph has by now; one that is not known here is plain. */
export class Forms {
  private readonly options: BlockOptions;
  private readonly graph: Graph;
  private readonly made = new Map<Value, Map<Form, Value>>();
  private readonly given: ReadonlySet<Value>;

  constructor(graph: Graph, options: BlockOptions) {
    this.graph = graph;
    this.options = options;
    this.given = new Set([...graph.inputs, ...graph.constants.map(({ value }) => value)]);
  }

  has(value: Value, form: Form): boolean {
    return this.made.get(value)?.has(form) ?? form === "plain";
  }

  /** Whether it is an input or a constant. */
  isGiven(value: Value): boolean {
    return this.given.has(value);
  }

  add(value: Value, form: Form, made: Value): void {
    const forms = this.made.get(value) ?? new Map<Form, Value>();
    if (forms.size === 0 && this.given.has(value)) forms.set("plain", value);
    this.made.set(value, forms.set(form, made));
  }

  /** A value in this form; made now if it is not there. */
  get(value: Value, form: Form): Value {
    const forms = this.made.get(value);
    if (forms === undefined && form === "plain") return value;
    const known = forms?.get(form);
    if (known !== undefined) return known;
    const made = form === "plain" ? this.unblock(value) : this.block(this.get(value, "plain"), form);
    this.add(value, form, made);
    return made;
  }

  /**
   * A result as an image of its elements in plain order, where it has no plain form: of another shape, but no reshape, which would copy
   * a result.
   */
  getResult(value: Value): Value {
    return this.has(value, "plain") ? this.get(value, "plain") : this.unblockedImage(value);
  }

  /** What `get` costs. */
  costOf(value: Value, form: Form): number {
    if (this.has(value, form)) return 0;
    const unblocking = this.has(value, "plain")
      ? 0
      : this.costBack(value, this.has(value, "blocked") ? "blocked" : "turned");
    return unblocking + (form === "plain" ? 0 : this.perElement(value, cost.block));
  }

  /** What it costs to bring a value from this form into plain order. */
  costBack(value: Value, form: "blocked" | "turned"): number {
    if (value.shape[0] === 1 && form === "blocked") return 0;
    return this.perElement(value, form === "blocked" ? cost.unblock : cost.turnBack);
  }

  private perElement({ shape }: Value, nanoseconds: number): number {
    return cost.nodes + nanoseconds * this.size(shape);
  }

  /** Elements, with the sizes to reckon with. */
  size(shape: Shape): number {
    return shape.reduce<number>(
      (product, dimension) =>
        product * (typeof dimension === "number" ? dimension : (this.options.aligned[dimension] ?? 1000)),
      1,
    );
  }

  isAligned(dimension: Dimension): boolean {
    const { aligned, block } = this.options;
    return typeof dimension === "number" ? dimension % block === 0 : dimension in aligned;
  }

  /** The shape of the value that stands for a matrix in this form. */
  shapeOf({ shape }: Value, form: Form): Shape {
    if (form === "plain") return shape;
    const [rows, columns] = shape as [Dimension, Dimension];
    return form === "blocked" ? [1, columns, ...this.grid(rows)] : [1, rows, ...this.grid(columns)];
  }

  reshape(value: Value, shape: Shape): Value {
    return this.apply("Reshape", [value, this.graph.int64s(pattern(shape))], {}, shape);
  }

  apply(
    type: string,
    inputs: readonly (Value | undefined)[],
    attributes: Operation["attributes"],
    shape: Shape,
    domain: Operation["domain"] = "",
  ): Value {
    return this.graph.apply(type, inputs, attributes, [{ dtype: "float32", shape }], { domain })[0]!;
  }

  /** Rows and columns of pixels: more than one row, so that threads can share them. */
  private grid(count: Dimension): [Dimension, Dimension] {
    if (!this.isAligned(count)) return [1, count];
    const { block } = this.options;
    return [typeof count === "number" ? count / block : `${count}/${block}`, block];
  }

  private block(plain: Value, form: "blocked" | "turned"): Value {
    const [rows, columns] = plain.shape as [Dimension, Dimension];
    const isBlocked = form === "blocked";
    const image = isBlocked ? [1, ...this.grid(rows), columns] : [1, rows, ...this.grid(columns)];
    const attributes = { channels_last: isBlocked ? 1 : 0 };
    const shape = this.shapeOf(plain, form);
    return this.apply("ReorderInput", [this.reshape(plain, image)], attributes, shape, blockedDomain);
  }

  /** Brings a value that has no plain form into it, under its own name. */
  private unblock(value: Value): Value {
    this.graph.operations.push({
      type: "Reshape",
      domain: "",
      inputs: [this.unblockedImage(value), this.graph.int64s(pattern(value.shape))],
      outputs: [value],
      attributes: {},
      derivative: undefined,
      accumulate: undefined,
      sealed: true,
      virtual: false,
    });
    return value;
  }

  private unblockedImage(value: Value): Value {
    const [rows, columns] = value.shape as [Dimension, Dimension];
    const blocked = this.made.get(value)?.get("blocked");
    if (blocked === undefined) {
      const turned = this.get(value, "turned");
      const shape = [1, rows, ...this.grid(columns)];
      const attributes = { channels: rows as number, channels_last: 0 };
      return this.apply("ReorderOutput", [turned], attributes, shape, blockedDomain);
    }
    // With one row both forms are the same.
    if (rows === 1) return blocked;
    // Blocks [c / b][r][b] to rows [r][c / b][b]: what a blocking does to an image of c / b pixels and r b channels. It takes both
    // threads, where ReorderOutput takes one.
    const { block } = this.options;
    const [strips, width] = [
      (columns as number) / block,
      typeof rows === "number" ? rows * block : `${rows}*${block}`,
    ];
    const image = this.reshape(blocked, [1, 1, strips, width]);
    return this.apply("ReorderInput", [image], { channels_last: 1 }, [1, width, 1, strips], blockedDomain);
  }
}

/** A target for Reshape; at most one dimension may be symbolic. */
const pattern = (shape: Shape): number[] =>
  shape.map((dimension) => (typeof dimension === "number" ? dimension : -1));
