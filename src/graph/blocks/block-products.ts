/**
 * Rewrites a graph so that its large matrix products run as 1 × 1 convolutions over blocked matrices (forms.ts): onnxruntime's kernels for
 * those reach a core's full speed, where Gemm, which packs its second operand at every call, stays a fifth to a third below it
 * (docs/decisions/2026-11-29-products-as-convolutions.md). The graph computes the same; products that this would not help stay what
 * they are.
 *
 * A convolution takes its filters as [outputs / b][inputs][b], that is, a blocked matrix too, so products need nothing but the right
 * forms:
 *
 *     blocked(A B)  = conv(image blocked(A), filters blocked(B))
 *     blocked(AᵀB)  = conv(image turned(A),  filters blocked(B))
 *     turned(A B)   = conv(image turned(B),  filters turned(A))      and so on.
 *
 * Each product is made in whichever way takes fewer conversions, and elementwise operations work in any form.
 */
import type { Graph, Operation, Value } from "../graph.ts";
import { times } from "../operators/elementwise.ts";
import { neededOperations } from "../serialize.ts";
import { type BlockOptions, blockedDomain, type Form, Forms } from "./forms.ts";
import { Groups } from "./groups.ts";
import { type Operand, type Product, productOf, type Way, waysOf } from "./product.ts";

export interface BlockProductsOptions extends BlockOptions {
  /** Also products that it does not help. */
  always?: boolean;
}

/**
 * Changes `graph` in place. Its operations can be run and not differentiated any more. Results that products make keep their name and the
 * order of their elements, and may have another shape.
 * @returns whether any product is a convolution now
 */
export function blockProducts(graph: Graph, options: BlockProductsOptions): boolean {
  const operations = neededOperations(graph);
  const rewriting = new Rewriting(graph, operations, options);
  graph.operations.splice(0);
  for (const operation of operations) rewriting.record(operation);
  graph.outputs.forEach((output, i) => {
    graph.outputs[i] = rewriting.result(output);
  });
  return graph.operations.some(({ type }) => type === "Conv");
}

/**
 * Elements of the largest result that is made in blocks: the blocks are one more copy of it. Heads of large vocabularies have gradients
 * beyond it, at the step's moment of most memory.
 */
const largestResult = 16e6;

/** What Gemm takes longer per multiplication, in nanoseconds as in forms.ts, and longer still where its first operand is transposed. */
const cost = { gemm: 2.5e-3, gemmTransposed: 3e-3 };
/** Up to this size of a matrix Gemm takes no longer (measured with 160). */
const smallest = 192;

/** Operators that work element by element, so in whichever form their matrices are. */
const elementwise = new Set(
  "Add Sub Mul Div Max Min Exp Log Neg Sqrt Sign Sigmoid HardSigmoid Tanh Relu FastGelu QuickGelu".split(" "),
);

const convolution = {
  kernel_shape: { ints: [1, 1] },
  strides: { ints: [1, 1] },
  dilations: { ints: [1, 1] },
  pads: { ints: [0, 0, 0, 0] },
  group: 1,
};

class Rewriting {
  private readonly graph: Graph;
  private readonly forms: Forms;
  private readonly always: boolean;
  private readonly makers = new Map<Value, Operation>();
  private readonly readers = new Map<Value, Operation[]>();
  private readonly results: ReadonlySet<Value>;
  /** Values that elementwise operations make and read in blocked form. */
  private readonly keptBlocked: ReadonlySet<Value>;
  /** Values times a factor, by both. */
  private readonly scaled = new Map<string, Value>();

  constructor(graph: Graph, operations: readonly Operation[], options: BlockProductsOptions) {
    this.graph = graph;
    this.forms = new Forms(graph, options);
    this.always = options.always ?? false;
    this.results = new Set(graph.outputs);
    for (const operation of operations) {
      for (const output of operation.outputs) this.makers.set(output, operation);
      for (const input of new Set(operation.inputs)) {
        if (input !== undefined) this.readers.set(input, [...this.readersOf(input), operation]);
      }
    }
    this.keptBlocked = this.chooseBlocked(operations);
  }

  /** Records an operation of the old graph, with the conversions that it needs before it. */
  record(operation: Operation): void {
    const product = productOf(operation);
    if (product !== undefined && this.recordProduct(operation.outputs[0]!, product)) return;
    if (this.isElementwise(operation) && this.keptBlocked.has(operation.outputs[0]!)) {
      this.recordElementwise(operation);
      return;
    }
    for (const input of operation.inputs) if (input !== undefined) this.forms.get(input, "plain");
    this.graph.operations.push(operation);
    for (const output of operation.outputs) this.forms.add(output, "plain", output);
  }

  /** What stands for a result in the new graph. */
  result(value: Value): Value {
    const made = this.forms.getResult(value);
    if (made !== value) {
      const { name } = value;
      value.name = `${name}.before`;
      made.name = name;
    }
    return made;
  }

  /**
   * Elementwise operations that follow one another work in one form. It is the blocked one where products make or read more of their
   * values than others do.
   */
  private chooseBlocked(operations: readonly Operation[]): Set<Value> {
    const groups = new Groups<Value>();
    for (const operation of operations) {
      if (!this.isElementwise(operation)) continue;
      for (const value of [...operation.inputs, ...operation.outputs]) {
        if (!isScalar(value!)) groups.join(operation.outputs[0]!, value!);
      }
    }
    const blocked = new Set<Value>();
    for (const group of groups.all()) {
      let votes = 0;
      for (const value of group) {
        const around = [this.makers.get(value), ...this.readersOf(value)].filter(
          (operation) =>
            operation === undefined || !(this.isElementwise(operation) || isColumnSum(operation)),
        );
        if (around.some((operation) => this.isWorthBlocks(operation))) votes += 1;
        if (this.results.has(value) || around.some((operation) => !this.isWorthBlocks(operation))) votes -= 1;
      }
      if (votes > 0) for (const value of group) blocked.add(value);
    }
    return blocked;
  }

  private readersOf(value: Value): Operation[] {
    return this.readers.get(value) ?? [];
  }

  private isElementwise({ type, inputs, outputs }: Operation): boolean {
    const [output] = outputs;
    if (!elementwise.has(type) || output?.dtype !== "float32" || output.shape.length !== 2) return false;
    const [rows, columns] = output.shape;
    if (typeof columns !== "number" || !this.forms.isAligned(columns)) return false;
    const fits = ({ shape }: Value): boolean =>
      shape.length === 2 && shape[0] === rows && shape[1] === columns;
    return inputs.every((input) => input !== undefined && (isScalar(input) || fits(input)));
  }

  /** Whether a product gains more than it takes to bring two of its matrices into blocks, the largest being there. */
  private isWorthBlocks(operation: Operation | undefined): boolean {
    const product = operation === undefined ? undefined : productOf(operation);
    if (operation === undefined || product === undefined || this.waysOf(operation).length === 0) return false;
    const matrices = [product.a, product.b, operation.outputs[0]!];
    const costs = matrices.map((matrix) => this.forms.costBack(matrix, "blocked")).sort((a, b) => a - b);
    return this.always || this.gain(product) > costs[0]! + costs[1]!;
  }

  /** What Gemm takes longer than a convolution. */
  private gain({ m, k, n, transposeA }: Product): number {
    if ([m, k, n].some((dimension) => this.forms.size([dimension]) < smallest)) return 0;
    return (transposeA ? cost.gemmTransposed : cost.gemm) * this.forms.size([m, k, n]);
  }

  private waysOf(operation: Operation): Way[] {
    const product = productOf(operation);
    return product === undefined ? [] : waysOf(product, this.forms);
  }

  private recordElementwise({ type, inputs, outputs, attributes, domain }: Operation): void {
    const [output] = outputs as [Value];
    const summands = inputs as readonly [Value, Value];
    if (type === "Add" && !inputs.some((input) => isScalar(input!)) && this.recordSum(summands, output))
      return;
    const operands = inputs.map((input) => (isScalar(input!) ? input : this.forms.get(input!, "blocked")));
    const shape = this.forms.shapeOf(output, "blocked");
    this.forms.add(output, "blocked", this.forms.apply(type, operands, attributes, shape, domain));
  }

  /** A sum with a product that nobody else reads: the convolution adds to the other summand, where that is not needed any more. */
  private recordSum(summands: readonly [Value, Value], sum: Value): boolean {
    const { operations } = this.graph;
    for (const [product, other] of [summands, [summands[1], summands[0]]] as const) {
      const isNeeded = this.results.has(product) || this.readersOf(product).length > 1;
      if (isNeeded || product === other || !this.forms.has(product, "blocked")) continue;
      const made = this.forms.get(product, "blocked");
      const index = operations.findLastIndex(({ outputs }) => outputs[0] === made);
      const operation = operations[index];
      if (operation?.type !== "Conv" || operation.inputs.length > 3) continue;
      operations.splice(index, 1);
      const [image, filters, bias] = operation.inputs;
      const inputs = [image, filters, bias, this.forms.get(other, "blocked")];
      const shape = this.forms.shapeOf(sum, "blocked");
      this.forms.add(sum, "blocked", this.forms.apply("Conv", inputs, convolution, shape, blockedDomain));
      return true;
    }
    return false;
  }

  private recordProduct(output: Value, product: Product): boolean {
    const { forms } = this;
    const { a, b, bias, scale, biasScale, k } = product;
    const wanted = this.wantedForm(output);
    const ways = waysOf(product, forms).map((way) => {
      const back = wanted === undefined || wanted === way.form ? 0 : forms.costBack(output, way.form);
      return { way, cost: this.shareOfCost(way.image) + this.shareOfCost(way.filters) + back };
    });
    const [best] = ways.sort((one, other) => one.cost - other.cost);
    if (best === undefined) return false;
    const gemm =
      this.gain(product) +
      (forms.costOf(a, "plain") + forms.costOf(b, "plain")) +
      (wanted === "blocked" ? forms.costBack(output, "blocked") : 0);
    if (this.results.has(output) && forms.size(output.shape) > largestResult) return false;
    if (gemm <= best.cost && !this.always) return false;

    const { form, ...operands } = best.way;
    // A convolution has no factor: the smallest of the three matrices has it.
    const sizeOf = (value: Value): number =>
      this.scaled.has(scaledKey(value, scale)) ? 0 : forms.size(value.shape);
    const candidates = scale === 1 ? [] : a === b ? [output] : [a, b, output];
    const [least] = candidates.sort((one, other) => sizeOf(one) - sizeOf(other));
    const operand = ([value, valueForm]: Operand): Value =>
      value === least ? this.scaledForm(value, scale, valueForm) : forms.get(value, valueForm);
    const [image, filters] = [operand(operands.image), operand(operands.filters)];
    const inputs = [image, forms.reshape(filters, [filters.shape[1]!, k, 1, 1])];
    if (bias !== undefined) inputs.push(times(bias, biasScale));
    const made = forms.apply("Conv", inputs, convolution, forms.shapeOf(output, form), blockedDomain);
    forms.add(output, form, least === output ? times(made, scale) : made);
    return true;
  }

  /** What it costs to bring an operand into this form, divided among the products that could use it there. */
  private shareOfCost([value, form]: Operand): number {
    const uses = this.readersOf(value).filter((reader) =>
      this.waysOf(reader).some(({ image, filters }) =>
        [image, filters].some((operand) => operand[0] === value && operand[1] === form),
      ),
    );
    return this.forms.costOf(value, form) / uses.length;
  }

  /** The form in which others than products ask for a value; undefined: nobody does. */
  private wantedForm(value: Value): Form | undefined {
    if (this.keptBlocked.has(value)) return "blocked";
    const isRead = this.readersOf(value).some((reader) => productOf(reader) === undefined);
    return isRead || this.results.has(value) ? "plain" : undefined;
  }

  /** A value times a factor. */
  private scaledForm(value: Value, factor: number, form: Form): Value {
    // Weights times a factor would be kept from their product forward to those backward, as many bytes as the weights.
    if (this.forms.isGiven(value) || !this.forms.has(value, "plain"))
      return times(this.forms.get(value, form), factor);
    const key = scaledKey(value, factor);
    let scaled = this.scaled.get(key);
    if (scaled === undefined) {
      scaled = times(value, factor);
      this.scaled.set(key, scaled);
      this.forms.add(scaled, "plain", scaled);
    }
    return this.forms.get(scaled, form);
  }
}

const isScalar = ({ shape }: Value): boolean => shape.length === 0;

/** A product with one row reads its matrix in any form. */
const isColumnSum = (operation: Operation): boolean => productOf(operation)?.m === 1;

const scaledKey = (value: Value, factor: number): string => `${value.name} ${factor}`;
