/** Element-wise operators with NumPy broadcasting. Shape rule: the broadcast of both shapes. */
import type { Value } from "../graph.ts";
import { broadcastAxes, broadcastShapes, sameShape } from "../shape.ts";
import { reduceSum, reshapeLike } from "./reduce.ts";

type Operand = Value | number;

function lift(a: Operand, b: Operand): [Value, Value] {
  const graph = typeof a !== "number" ? a.graph : typeof b !== "number" ? b.graph : undefined;
  if (graph === undefined) throw new TypeError("one operand must be a tensor");
  return [typeof a === "number" ? graph.scalar(a) : a, typeof b === "number" ? graph.scalar(b) : b];
}

/** Sums a gradient over the axes along which `value` was broadcast. */
export function sumToShape(gradientValue: Value, value: Value): Value {
  if (sameShape(gradientValue.shape, value.shape)) return gradientValue;
  const axes = broadcastAxes(gradientValue.shape, value.shape);
  const summed = axes.length === 0 ? gradientValue : reduceSum(gradientValue, axes, false);
  return reshapeLike(summed, value);
}

function binary(
  type: "Add" | "Sub" | "Mul" | "Div",
  a: Operand,
  b: Operand,
  derivative: (gradient: Value, x: Value, y: Value, output: Value) => [() => Value, () => Value],
): Value {
  const [x, y] = lift(a, b);
  const shape = broadcastShapes(x.shape, y.shape);
  const isConstant = (operand: Operand) => typeof operand === "number";
  const [output] = x.graph.apply(type, [x, y], {}, [{ dtype: x.dtype, shape }], {
    derivative: ([gradient]) => {
      const [forX, forY] = derivative(gradient!, x, y, output!);
      return [
        isConstant(a) ? undefined : sumToShape(forX(), x),
        isConstant(b) ? undefined : sumToShape(forY(), y),
      ];
    },
  });
  return output!;
}

export function add(a: Operand, b: Operand): Value {
  return binary("Add", a, b, (gradient) => [() => gradient, () => gradient]);
}

export function subtract(a: Operand, b: Operand): Value {
  return binary("Sub", a, b, (gradient) => [() => gradient, () => negate(gradient)]);
}

export function multiply(a: Operand, b: Operand): Value {
  return binary("Mul", a, b, (gradient, x, y) => [() => multiply(gradient, y), () => multiply(gradient, x)]);
}

/** x times a number; x itself for 1. */
export function times(x: Value, factor: number): Value {
  return factor === 1 ? x : multiply(x, factor);
}

export function divide(a: Operand, b: Operand): Value {
  return binary("Div", a, b, (gradient, _x, y, output) => [
    () => divide(gradient, y),
    () => negate(divide(multiply(gradient, output), y)),
  ]);
}

function unary(type: string, x: Value, derivative: (gradient: Value, output: Value) => Value): Value {
  const [output] = x.graph.apply(type, [x], {}, [{ dtype: x.dtype, shape: x.shape }], {
    derivative: ([gradient]) => [derivative(gradient!, output!)],
  });
  return output!;
}

export function negate(x: Value): Value {
  return unary("Neg", x, (gradient) => negate(gradient));
}

export function exponential(x: Value): Value {
  return unary("Exp", x, (gradient, output) => multiply(gradient, output));
}

export function logarithm(x: Value): Value {
  return unary("Log", x, (gradient) => divide(gradient, x));
}

export function squareRoot(x: Value): Value {
  return unary("Sqrt", x, (gradient, output) => multiply(divide(gradient, output), 0.5));
}

export function tanh(x: Value): Value {
  return unary("Tanh", x, (gradient, output) => multiply(gradient, subtract(1, multiply(output, output))));
}

export function sigmoid(x: Value): Value {
  return unary("Sigmoid", x, (gradient, output) => multiply(gradient, multiply(output, subtract(1, output))));
}

export function sine(x: Value): Value {
  return unary("Sin", x, (gradient) => multiply(gradient, cosine(x)));
}

export function cosine(x: Value): Value {
  return unary("Cos", x, (gradient) => negate(multiply(gradient, sine(x))));
}

/** The smaller of both, element by element. Not differentiable: used for clipping factors only. */
export function minimum(a: Value, b: Value): Value {
  const shape = broadcastShapes(a.shape, b.shape);
  return a.graph.apply("Min", [a, b], {}, [{ dtype: a.dtype, shape }])[0]!;
}

/** The larger of both, element by element. Not differentiable: used to keep exponentials in range. */
export function maximum(a: Value, b: Value): Value {
  const shape = broadcastShapes(a.shape, b.shape);
  return a.graph.apply("Max", [a, b], {}, [{ dtype: a.dtype, shape }])[0]!;
}

/** Converts between element types. Not differentiable. */
export function cast(x: Value, dtype: "float32" | "int32" | "int64"): Value {
  const to = { float32: 1, int32: 6, int64: 7 }[dtype];
  return x.graph.apply("Cast", [x], { to }, [{ dtype, shape: x.shape }])[0]!;
}

/** 1 where both are equal, as bool. Not differentiable. */
export function equal(a: Value, b: Value): Value {
  const shape = broadcastShapes(a.shape, b.shape);
  return a.graph.apply("Equal", [a, b], {}, [{ dtype: "bool", shape }])[0]!;
}
