/** Every exported operator's derivative against finite differences; an operator without a case here fails the last test. */
import { readdirSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { gradient } from "../../src/graph/gradient.ts";
import { Graph, type Value } from "../../src/graph/graph.ts";
import * as elementwise from "../../src/graph/operators/elementwise.ts";
import * as layout from "../../src/graph/operators/layout.ts";
import * as matmul from "../../src/graph/operators/matmul.ts";
import * as neural from "../../src/graph/operators/neural.ts";
import * as reduce from "../../src/graph/operators/reduce.ts";
import { type DerivativeCase, expectDerivative } from "./finite-differences.ts";

type Cases = readonly Omit<DerivativeCase, "name">[];

const symbolic = { n: 2, m: 3, batch: 2, time: 3 };
const positive = { range: [0.6, 2] as const };

/** Cases of a binary operator: same shapes, every direction of broadcasting, numbers, symbolic sizes, an operand used twice. */
function binary(operator: (a: Value | number, b: Value | number) => Value, range = {}): Cases {
  const build = ([a, b]: Value[]) => operator(a!, b!);
  return [
    {
      inputs: [
        [2, 3],
        [2, 3],
      ],
      build,
      ...range,
    },
    { inputs: [[2, 3], [3]], build, ...range },
    { inputs: [[3], [2, 3]], build, ...range },
    {
      inputs: [
        [2, 1],
        [1, 3],
      ],
      build,
      ...range,
    },
    { inputs: [[], [2, 2]], build, ...range },
    {
      inputs: [
        [2, 1, 2],
        [3, 1],
      ],
      build,
      ...range,
    },
    { inputs: [["n", "m"], ["m"]], sizes: symbolic, build, ...range },
    {
      inputs: [
        ["n", 1],
        ["n", "m"],
      ],
      sizes: symbolic,
      build,
      ...range,
    },
    {
      inputs: [
        ["n", 1, 2],
        [1, "m", 1],
      ],
      sizes: symbolic,
      build,
      ...range,
    },
    {
      inputs: [
        [1, 1],
        ["n", "m"],
      ],
      sizes: symbolic,
      build,
      ...range,
    },
    { inputs: [[4]], build: ([a]) => operator(a!, 1.7), ...range },
    { inputs: [[4]], build: ([a]) => operator(0.3, a!), ...range },
    { inputs: [[4]], build: ([a]) => operator(a!, a!), ...range },
  ];
}

function unary(operator: (x: Value) => Value, range = {}): Cases {
  return [
    { inputs: [[7]], build: ([x]) => operator(x!), ...range },
    { inputs: [["n", "m"]], sizes: symbolic, build: ([x]) => operator(x!), ...range },
  ];
}

/** All four combinations of transposed operands, a [.., 2, 3] times b [.., 3, 4]. */
function products(
  lead: readonly (number | string)[],
  build: (a: Value, b: Value, t: { transposeA: boolean; transposeB: boolean }) => Value,
): Cases {
  return [false, true].flatMap((transposeA) =>
    [false, true].map((transposeB) => ({
      inputs: [
        [...lead, ...(transposeA ? [3, 2] : [2, 3])],
        [...lead, ...(transposeB ? [4, 3] : [3, 4])],
      ],
      sizes: symbolic,
      build: ([a, b]: Value[]) => build(a!, b!, { transposeA, transposeB }),
    })),
  );
}

const heads = ["batch", 2, "time", 4];

const differentiable: Record<string, Record<string, Cases>> = {
  elementwise: {
    add: binary(elementwise.add),
    subtract: binary(elementwise.subtract),
    multiply: binary(elementwise.multiply),
    times: [
      { inputs: [[2, 3]], build: ([x]) => elementwise.times(x!, -3) },
      // The same value.
      { inputs: [[2]], build: ([x]) => elementwise.multiply(elementwise.times(x!, 1), x!) },
    ],
    divide: binary(elementwise.divide, positive),
    negate: unary(elementwise.negate),
    exponential: unary(elementwise.exponential),
    logarithm: unary(elementwise.logarithm, positive),
    squareRoot: unary(elementwise.squareRoot, positive),
    sumToShape: [
      { inputs: [[2, 3], [3]], build: ([x, y]) => elementwise.multiply(elementwise.sumToShape(x!, y!), y!) },
      {
        inputs: [
          ["n", 2, "m"],
          [2, 1],
        ],
        sizes: symbolic,
        build: ([x, y]) => elementwise.multiply(elementwise.sumToShape(x!, y!), y!),
      },
    ],
    tanh: unary(elementwise.tanh),
    sigmoid: unary(elementwise.sigmoid),
    sine: unary(elementwise.sine, { range: [-3, 3] }),
    cosine: unary(elementwise.cosine, { range: [-3, 3] }),
  },
  reduce: {
    reduceSum: [
      { inputs: [[2, 3]], build: ([x]) => reduce.reduceSum(x!) },
      { inputs: [[2, 3, 2]], build: ([x]) => reduce.reduceSum(x!, [1]) },
      { inputs: [[2, 3, 2]], build: ([x]) => reduce.reduceSum(x!, [-1, 0]) },
      { inputs: [[2, 3, 2]], build: ([x]) => reduce.reduceSum(x!, [0, 2], true) },
      { inputs: [["n", "m"]], sizes: symbolic, build: ([x]) => reduce.reduceSum(x!, [0]) },
      { inputs: [["n", "m"]], sizes: symbolic, build: ([x]) => reduce.reduceSum(x!, [1], true) },
      { inputs: [["n", "m", 2]], sizes: symbolic, build: ([x]) => reduce.reduceSum(x!) },
      { inputs: [[]], build: ([x]) => reduce.reduceSum(x!) },
    ],
    reduceMean: [
      { inputs: [[2, 3]], build: ([x]) => reduce.reduceMean(x!, 1) },
      { inputs: [["n", 3]], sizes: symbolic, build: ([x]) => reduce.reduceMean(x!, -1, true) },
    ],
    sumOfSquares: [
      { inputs: [[2, 3]], build: ([x]) => reduce.sumOfSquares(x!) },
      { inputs: [["n", "m"]], sizes: symbolic, build: ([x]) => reduce.sumOfSquares(x!) },
    ],
    unsqueeze: [
      { inputs: [[2, 3]], build: ([x]) => reduce.unsqueeze(x!, [0, 3]) },
      { inputs: [["n", "m"]], sizes: symbolic, build: ([x]) => reduce.unsqueeze(x!, [1, -1]) },
    ],
    expandLike: [
      {
        inputs: [
          [1, 3],
          [2, 3],
        ],
        build: ([x, y]) => elementwise.multiply(reduce.expandLike(x!, y!), y!),
      },
      { inputs: [[3], [2, 3]], build: ([x, y]) => elementwise.multiply(reduce.expandLike(x!, y!), y!) },
      { inputs: [[1], [2, 1]], build: ([x, y]) => elementwise.multiply(reduce.expandLike(x!, y!), y!) },
      {
        inputs: [
          ["n", 1, 2],
          ["n", "m", 2],
        ],
        sizes: symbolic,
        build: ([x, y]) => elementwise.multiply(reduce.expandLike(x!, y!), y!),
      },
    ],
    reshapeLike: [
      {
        inputs: [
          [2, 6],
          [3, 4],
        ],
        build: ([x, y]) => elementwise.multiply(reduce.reshapeLike(x!, y!), y!),
      },
      {
        inputs: [
          ["n", 6],
          ["n", 2, 3],
        ],
        sizes: symbolic,
        build: ([x, y]) => elementwise.multiply(reduce.reshapeLike(x!, y!), y!),
      },
      {
        inputs: [
          ["n", "m", 2],
          ["n", 2, "m"],
        ],
        sizes: symbolic,
        build: ([x, y]) => elementwise.multiply(reduce.reshapeLike(x!, y!), y!),
      },
    ],
  },
  layout: {
    reshape: [
      { inputs: [[2, 6]], build: ([x]) => layout.reshape(x!, [3, 4], [3, 4]) },
      {
        inputs: [["n", "m", 2]],
        sizes: symbolic,
        build: ([x]) => layout.reshape(x!, [0, 2, -1], ["n", 2, "m"]),
      },
    ],
    transpose: [
      { inputs: [[2, 3]], build: ([x]) => layout.transpose(x!, [1, 0]) },
      // A cycle of three axes is not its own inverse.
      { inputs: [["n", "m", 4]], sizes: symbolic, build: ([x]) => layout.transpose(x!, [2, 0, 1]) },
    ],
    split: [
      {
        inputs: [[2, 5]],
        build: ([x]) => {
          const [first, second] = layout.split(x!, [2, 3], 1);
          return layout.concatenate([second!, elementwise.multiply(first!, first!)], 1);
        },
      },
      {
        inputs: [["n", 3, 2]],
        sizes: symbolic,
        build: ([x]) => {
          const [first, second] = layout.split(x!, [1, 2], -2);
          return elementwise.multiply(first!, second!);
        },
      },
    ],
    concatenate: [
      {
        inputs: [
          [2, 3],
          [2, 1],
        ],
        build: ([x, y]) => layout.concatenate([x!, y!, x!], 1),
      },
      {
        inputs: [
          [2, "m"],
          [1, "m"],
        ],
        sizes: symbolic,
        build: ([x, y]) => layout.concatenate([x!, y!], 0),
      },
    ],
    gather: [
      {
        inputs: [[4, 3]],
        given: [{ shape: [5], values: [2, 0, 2, 2, 3] }],
        build: ([table], [indices]) => layout.gather(table!, indices!),
      },
      {
        inputs: [[4, 2]],
        given: [{ shape: ["batch", "time"], values: [1, 1, 3, 0, 1, 3] }],
        sizes: symbolic,
        build: ([table], [indices]) => layout.gather(table!, indices!),
      },
      {
        inputs: [["n", 3]],
        given: [{ shape: ["batch"], values: [1, 0] }],
        sizes: symbolic,
        build: ([table], [indices]) => layout.gather(table!, indices!, { unique: true }),
      },
    ],
    addColumns: [
      {
        inputs: [
          [2, 4],
          [2, 2],
        ],
        given: [{ shape: [2], values: [3, 1] }],
        build: ([x, updates], [columns]) => layout.addColumns(x!, columns!, updates!),
      },
      {
        inputs: [
          ["n", 3],
          ["n", 1],
        ],
        given: [{ shape: [1], values: [2] }],
        sizes: symbolic,
        build: ([x, updates], [columns]) => layout.addColumns(x!, columns!, updates!),
      },
    ],
  },
  matmul: {
    linear: [
      ...products([], (a, b, transposes) => matmul.linear(a, b, undefined, transposes)),
      ...products([], (a, b, transposes) => matmul.linear(a, b, undefined, { ...transposes, scale: -1.7 })),
      {
        inputs: [[2, 3], [3, 4], [4]],
        build: ([a, b, bias]) => matmul.linear(a!, b!, bias, { scale: 0.3, biasScale: 2.5 }),
      },
      { inputs: [[2, 3], [3, 4], [4]], build: ([a, b, bias]) => matmul.linear(a!, b!, bias) },
      {
        inputs: [["n", 3], [3, 4], [4]],
        sizes: symbolic,
        build: ([a, b, bias]) => matmul.linear(a!, b!, bias),
      },
    ],
    matmul: [
      ...products([], (a, b, transposes) => matmul.matmul(a, b, transposes)),
      ...products(["n", 2], (a, b, transposes) => matmul.matmul(a, b, { ...transposes, scale: 0.6 })),
    ],
  },
  neural: {
    // A wide range: rows that are nearly constant have derivatives too steep for the step.
    layerNorm: [
      {
        inputs: [[3, 4], [4], [4]],
        range: [-6, 6],
        build: ([x, scale, bias]) => neural.layerNorm(x!, scale!, bias!, 1e-2),
      },
      {
        inputs: [["n", "m", 4], [4], [4]],
        range: [-6, 6],
        sizes: symbolic,
        build: ([x, scale, bias]) => neural.layerNorm(x!, scale!, bias!, 1e-5),
      },
    ],
    // Rows far from zero, for the same reason.
    rmsNorm: [
      {
        inputs: [[3, 4], [4]],
        range: [-6, 6],
        build: ([x, scale]) => neural.rmsNorm(x!, scale!, 1e-2),
      },
      {
        inputs: [["n", "m", 4], [4]],
        range: [-6, 6],
        sizes: symbolic,
        build: ([x, scale]) => neural.rmsNorm(x!, scale!, 1e-6),
      },
    ],
    silu: [...unary(neural.silu), { inputs: [[9]], range: [-4, 4], build: ([x]) => neural.silu(x!) }],
    rotary: [
      {
        // Two heads of four; tables whose squares do not sum to 1, as longrope's do not.
        inputs: [[2, 8]],
        given: [
          { shape: [2, 2], values: [1.2, 0.3, -0.4, 0.9], dtype: "float32" },
          { shape: [2, 2], values: [0.1, -0.8, 1.1, 0.2], dtype: "float32" },
        ],
        build: ([x], [cosine, sine]) => neural.rotary(x!, 2, cosine!, sine!),
      },
      {
        inputs: [["n", 6]],
        given: [
          { shape: ["n", 1], values: [0.5, -0.7], dtype: "float32" },
          { shape: ["n", 1], values: [0.9, 0.6], dtype: "float32" },
        ],
        sizes: symbolic,
        build: ([x], [cosine, sine]) => elementwise.multiply(neural.rotary(x!, 3, cosine!, sine!), x!),
      },
    ],
    geluTanh: [
      ...unary(neural.geluTanh),
      { inputs: [[9]], range: [-4, 4], build: ([x]) => neural.geluTanh(x!) },
    ],
    // In the range that its scale is for.
    scaledGeluTanh: [
      { inputs: [[9]], range: [-200, 200], build: ([x]) => neural.scaledGeluTanh(x!) },
      {
        inputs: [["n", "m"]],
        range: [-64, 64],
        sizes: symbolic,
        build: ([x]) => neural.scaledGeluTanh(x!),
      },
    ],
    // Away from the corner at 0, where the derivative jumps.
    relu: [
      { inputs: [[5]], range: [0.2, 2], build: ([x]) => neural.relu(x!) },
      { inputs: [["n", "m"]], range: [-2, -0.2], sizes: symbolic, build: ([x]) => neural.relu(x!) },
    ],
    softmax: unary(neural.softmax),
    logSoftmax: unary(neural.logSoftmax),
    attention: [
      {
        inputs: [heads, heads, heads],
        given: [{ shape: ["time", "time"], values: [0, -1e9, -1e9, 0, 0, -1e9, 0, 0, 0], dtype: "float32" }],
        sizes: symbolic,
        build: ([q, k, v], [mask]) => neural.attention(q!, k!, v!, mask!, 0.5),
      },
      {
        // Keys of another length, and a bias on the scores that all sequences of the batch share.
        inputs: [heads, ["batch", 2, "n", 4], ["batch", 2, "n", 4], [2, "time", "n"]],
        sizes: symbolic,
        build: ([q, k, v, bias]) => neural.attention(q!, k!, v!, bias!, 1),
      },
      {
        // One tensor in all three roles.
        inputs: [[1, 1, 2, 3]],
        given: [{ shape: [], values: [0], dtype: "float32" }],
        build: ([x], [mask]) => neural.attention(x!, x!, x!, mask!, 0.7),
      },
    ],
    crossEntropy: [
      {
        inputs: [[3, 4]],
        given: [{ shape: [3], values: [1, 3, 1] }],
        build: ([logits], [targets]) => neural.crossEntropy(logits!, targets!),
      },
      {
        inputs: [["n", 5]],
        given: [{ shape: ["n"], values: [4, 0] }],
        sizes: symbolic,
        build: ([logits], [targets]) => neural.crossEntropy(logits!, targets!),
      },
    ],
  },
};

/** Operators without a derivative: `gradient()` must refuse them instead of leaving a term out. */
const notDifferentiable: Record<string, Record<string, (x: Value, indices: Value) => Value>> = {
  elementwise: {
    minimum: (x) => elementwise.minimum(x, x.graph.scalar(1)),
    maximum: (x) => elementwise.maximum(x, x.graph.scalar(1)),
    cast: (x) => elementwise.cast(elementwise.cast(x, "int32"), "float32"),
    equal: (x) => elementwise.equal(x, x),
  },
  reduce: {
    argmaxLast: (x) => elementwise.cast(reduce.argmaxLast(x), "float32"),
    reduceMaxLast: (x) => reduce.reduceMaxLast(x),
  },
  neural: {
    aboveFloor: (x) => neural.aboveFloor(x),
  },
  layout: {
    gatherColumns: (x, indices) => layout.gatherColumns(x, indices),
    addAtColumns: (x, indices) =>
      layout.addAtColumns(x, indices, x.graph.constant(Float32Array.of(1, 1), [2, 1])),
    selectColumns: (x, indices) => layout.selectColumns(x, indices),
  },
  matmul: {},
};

for (const [file, operators] of Object.entries(differentiable)) {
  describe(`derivatives: ${file}`, () => {
    for (const [name, cases] of Object.entries(operators)) {
      test(name, async () => {
        for (const [i, entry] of cases.entries()) await expectDerivative({ name: `${name} ${i}`, ...entry });
      });
    }
  });
}

describe("operators without a derivative", () => {
  for (const operators of Object.values(notDifferentiable)) {
    for (const [name, build] of Object.entries(operators)) {
      test(`${name} is refused`, () => {
        const graph = new Graph();
        const x = graph.input("x", "float32", [2, 3]);
        const loss = reduce.reduceSum(build(x, graph.input("indices", "int32", [2])));
        expect(() => gradient(loss, [x])).toThrow(/has no derivative/);
      });
    }
  }
});

test("every exported operator is covered above", async () => {
  const folder = new URL("../../src/graph/operators/", import.meta.url);
  const exported: string[] = [];
  for (const file of readdirSync(folder)) {
    const module = (await import(new URL(file, folder).href)) as Record<string, unknown>;
    for (const [name, value] of Object.entries(module)) {
      if (typeof value === "function") exported.push(`${file.replace(/\.ts$/, "")}.${name}`);
    }
  }
  const covered = [differentiable, notDifferentiable].flatMap((table) =>
    Object.entries(table).flatMap(([file, operators]) =>
      Object.keys(operators).map((name) => `${file}.${name}`),
    ),
  );
  expect(exported.length).toBeGreaterThan(30);
  expect(covered.sort()).toEqual(exported.sort());
});
