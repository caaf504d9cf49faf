/**
 * LoRA (Hu et al. 2022, arXiv 2106.09685) for students too large to train whole: the model's weights stay as they are, and each
 * targeted linear layer gets a product of two small matrices beside its weight. Added tokens, whose embeddings mean nothing yet,
 * get trained rows. Names and initial values are those of PEFT; what is saved lies in peft-folder.ts.
 */
import { inputError } from "../util/errors.ts";
import { RandomStream } from "../util/random.ts";
import { isEncoderDecoder, type StudentFamily } from "./families/encoder-decoder.ts";
import type { ParameterContext } from "./families/family.ts";

export interface LoraOptions {
  /** Inner size of the adapters. */
  rank: number;
  /** The adapters' product counts alpha / rank times. */
  alpha: number;
  /** Modules by the ends of their names, as in PEFT (`q_proj`, `attn.c_proj`), or `all-linear`. */
  targets: readonly string[];
  /** Token ids whose embeddings (and rows of the head) are trained; all others stay as they are. */
  tokens?: readonly number[];
  /** The model that the saved adapter names as its base: a hub name or a folder. Default: the folder that was opened. */
  base?: { name: string; revision?: string };
}

/** A student's frozen family with adapters on it. */
export interface LoraModel {
  options: LoraOptions;
  /** The family without adapters. */
  base: StudentFamily;
  /** The family with adapters: what training, scoring and decoding run. */
  family: StudentFamily;
  /** Linear layers with an adapter. */
  modules: readonly string[];
  /** Token tables with trained rows. */
  tables: readonly string[];
  /** Parameters that are trained: all adapters and rows. */
  trainable: readonly string[];
}

const everyLinearLayer = "all-linear";

/** Last parts of the names of a family's linear layers, each once. */
const endings = ({ linear }: StudentFamily): string[] => [
  ...new Set(linear.modules.map((module) => module.split(".").at(-1)!)),
];

/** The targets by name, without `all-linear`. */
export function namedTargets({ base, options }: Pick<LoraModel, "base" | "options">): string[] {
  return [
    ...new Set(options.targets.flatMap((target) => (target === everyLinearLayer ? endings(base) : [target]))),
  ];
}

export const adapterNames = (module: string) => ({
  a: `${module}.lora_A.weight`,
  b: `${module}.lora_B.weight`,
});

/** PEFT's name of the trained rows; they are the new rows themselves. */
export const rowsName = (table: string): string =>
  `${table.replace(/\.weight$/, "")}.token_adapter.trainable_tokens_delta`;

/** Inputs and outputs of a linear layer. */
export function layerSizes(family: StudentFamily, module: string): { inputs: number; outputs: number } {
  const [first, second] = family.parameterShapes.get(`${module}.weight`) as readonly [number, number];
  return family.linear.layout === "in-out"
    ? { inputs: first, outputs: second }
    : { inputs: second, outputs: first };
}

/**
 * @param vocabularyParameters parameters of the family with one row per token, as far as the family has them
 * @throws SkipthinkError (exit 2) for a target that no linear layer's name ends with, naming those there are
 */
export function planLora(
  base: StudentFamily,
  vocabularyParameters: readonly string[],
  options: LoraOptions,
): LoraModel {
  const modules = targetedModules(base, options.targets);
  const tokens = options.tokens ?? [];
  for (const token of tokens) {
    if (!(token >= 0 && token < base.shape.vocabularySize))
      throw new RangeError(`there is no token ${token}`);
  }
  if (new Set(tokens).size < tokens.length) throw new RangeError("a trained token is named twice");
  const tables =
    tokens.length === 0 ? [] : vocabularyParameters.filter((name) => base.parameterShapes.has(name));
  const added = new Map<string, readonly number[]>();
  for (const module of modules) {
    const { inputs, outputs } = layerSizes(base, module);
    const { a, b } = adapterNames(module);
    added.set(a, [options.rank, inputs]);
    added.set(b, [outputs, options.rank]);
  }
  for (const table of tables) added.set(rowsName(table), [tokens.length, base.shape.width]);
  const family = withAdapters(base, { options, modules, tables, added });
  return { options, base, family, modules, tables, trainable: [...added.keys()] };
}

function targetedModules(family: StudentFamily, targets: readonly string[]): string[] {
  const { linear, name } = family;
  const matches = (module: string, target: string): boolean =>
    target === everyLinearLayer || module === target || module.endsWith(`.${target}`);
  for (const target of targets) {
    if (linear.modules.some((module) => matches(module, target))) continue;
    throw inputError(
      `no linear layer of a ${name} student is called "${target.slice(0, 200)}"`,
      { key: "student.lora.targets" },
      `Name some of these, or "${everyLinearLayer}": ${endings(family).join(", ")}.`,
    );
  }
  return linear.modules.filter((module) => targets.some((target) => matches(module, target)));
}

function withAdapters(
  base: StudentFamily,
  plan: Pick<LoraModel, "options" | "modules" | "tables"> & { added: ReadonlyMap<string, readonly number[]> },
): StudentFamily {
  const { rank, alpha, tokens = [] } = plan.options;
  const modules = new Set(plan.modules);
  const tables = new Set(plan.tables);
  const rowTables = new Map(plan.tables.map((table) => [rowsName(table), table]));
  const adapted = <C extends ParameterContext>(context: C): C => ({
    ...context,
    adapter: (module: string) => {
      if (!modules.has(module)) return undefined;
      const { a, b } = adapterNames(module);
      return { a: context.parameter(a), b: context.parameter(b), scale: alpha / rank };
    },
    trainedRows: (table: string) =>
      tables.has(table) ? { tokens, rows: context.parameter(rowsName(table)) } : undefined,
  });
  const shared = {
    parameterShapes: new Map([...base.parameterShapes, ...plan.added]),
    decays: (name: string) => base.decays(rowTables.get(name) ?? name),
  };
  if (isEncoderDecoder(base)) {
    return {
      ...base,
      ...shared,
      encode: (context) => base.encode(adapted(context)),
      sourceKeys: (context, layer, encoded) => base.sourceKeys(adapted(context), layer, encoded),
      decode: (context) => base.decode(adapted(context)),
      logits: (context, hidden) => base.logits(adapted(context), hidden),
    };
  }
  return {
    ...base,
    ...shared,
    hidden: (context) => base.hidden(adapted(context)),
    logits: (context, hidden) => base.logits(adapted(context), hidden),
  };
}

/**
 * Adds the adapters' first values to the model's weights: A uniform within ±1/√inputs (Kaiming, as PEFT), B zero, so that the
 * student starts as it was. Trained rows move out of their table, which is zero there from now on.
 */
export function initializeLora(model: LoraModel, weights: Map<string, Float32Array>, seed: number): void {
  const { base, options } = model;
  for (const module of model.modules) {
    const names = adapterNames(module);
    weights.set(names.a, firstValuesOfA(model, module, seed));
    weights.set(names.b, new Float32Array(layerSizes(base, module).outputs * options.rank));
  }
  const { width } = base.shape;
  const tokens = options.tokens ?? [];
  for (const table of model.tables) {
    const all = weights.get(table)!;
    const rows = new Float32Array(tokens.length * width);
    tokens.forEach((token, i) => {
      const row = all.subarray(token * width, (token + 1) * width);
      rows.set(row, i * width);
      row.fill(0);
    });
    weights.set(rowsName(table), rows);
  }
}

/** How a module's matrix A begins, on every engine. [rank · inputs] */
export function firstValuesOfA(
  { base, options }: Pick<LoraModel, "base" | "options">,
  module: string,
  seed: number,
): Float32Array {
  const { inputs } = layerSizes(base, module);
  const random = new RandomStream(seed, `lora/${adapterNames(module).a}`);
  const bound = 1 / Math.sqrt(inputs);
  return Float32Array.from({ length: options.rank * inputs }, () => bound * (2 * random.next() - 1));
}

/** The base family's parameters with adapters and rows merged in; those without any are the given arrays themselves. */
export function mergeLora(
  model: LoraModel,
  weights: ReadonlyMap<string, Float32Array>,
): Map<string, Float32Array> {
  const { base, options } = model;
  const merged = new Map([...base.parameterShapes.keys()].map((name) => [name, weights.get(name)!]));
  for (const module of model.modules) {
    const { inputs, outputs } = layerSizes(base, module);
    const names = adapterNames(module);
    const [a, b] = [weights.get(names.a)!, weights.get(names.b)!];
    const { rank, alpha } = options;
    const [left, right] =
      base.linear.layout === "in-out" ? [transposed(a, rank, inputs), transposed(b, outputs, rank)] : [b, a];
    const weight = merged.get(`${module}.weight`)!;
    merged.set(`${module}.weight`, addProduct(weight, left, right, rank, alpha / rank));
  }
  const { width } = base.shape;
  for (const table of model.tables) {
    const whole = merged.get(table)!.slice();
    const rows = weights.get(rowsName(table))!;
    (options.tokens ?? []).forEach((token, i) => {
      whole.set(rows.subarray(i * width, (i + 1) * width), token * width);
    });
    merged.set(table, whole);
  }
  return merged;
}

/** weight [n, m] + scale · left [n, rank] · right [rank, m], summed in double precision. */
function addProduct(
  weight: Float32Array,
  left: Float32Array,
  right: Float32Array,
  rank: number,
  scale: number,
): Float32Array {
  const columns = right.length / rank;
  const result = new Float32Array(weight.length);
  const sums = new Float64Array(columns);
  for (let row = 0; row * columns < weight.length; row++) {
    sums.fill(0);
    for (let r = 0; r < rank; r++) {
      const factor = scale * left[row * rank + r]!;
      const from = r * columns;
      for (let column = 0; column < columns; column++) sums[column]! += factor * right[from + column]!;
    }
    const from = row * columns;
    for (let column = 0; column < columns; column++)
      result[from + column] = weight[from + column]! + sums[column]!;
  }
  return result;
}

function transposed(matrix: Float32Array, rows: number, columns: number): Float32Array {
  const result = new Float32Array(matrix.length);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++)
      result[column * rows + row] = matrix[row * columns + column]!;
  }
  return result;
}
