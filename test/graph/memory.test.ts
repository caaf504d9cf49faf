import { expect, test } from "vitest";
import { Graph } from "../../src/graph/graph.ts";
import { peakResultBytes, sizeOf } from "../../src/graph/memory.ts";
import { add, exponential, multiply } from "../../src/graph/operators/elementwise.ts";
import { reshape } from "../../src/graph/operators/layout.ts";
import { matmul } from "../../src/graph/operators/matmul.ts";

const n = 10;
const matrix = 4 * n * n;
const square = (graph: Graph) => graph.input("x", "float32", ["n", "n"]);

test("a result lives from the operation that makes it to the last that reads it", () => {
  const graph = new Graph();
  const x = square(graph);
  const first = matmul(x, x);
  const second = matmul(first, x);
  // `first` is free when the third product is made, and the inputs are not counted.
  graph.output(matmul(second, x), "y");
  expect(peakResultBytes(graph, { n })).toBe(2 * matrix);
});

test("a result that is read again later stays", () => {
  const graph = new Graph();
  const x = square(graph);
  const first = matmul(x, x);
  const third = matmul(matmul(first, x), x);
  graph.output(matmul(third, first), "y");
  expect(peakResultBytes(graph, { n })).toBe(3 * matrix);
});

test("elementwise results take the place of an input that nobody reads any more", () => {
  const graph = new Graph();
  const x = square(graph);
  graph.output(exponential(add(matmul(x, x), x)), "y");
  expect(peakResultBytes(graph, { n })).toBe(matrix);
});

test("but not of the caller's inputs, nor of one that is read again", () => {
  const graph = new Graph();
  const x = square(graph);
  const sum = add(x, x);
  graph.output(multiply(exponential(sum), sum), "y");
  expect(peakResultBytes(graph, { n })).toBe(2 * matrix);
});

test("a reshape is a view and keeps what it views", () => {
  const graph = new Graph();
  const x = square(graph);
  const product = matmul(x, x);
  const flat = reshape(product, [-1], ["n*n"]);
  graph.output(matmul(matmul(matmul(x, x), x), x), "other");
  graph.output(reshape(flat, [-1, 1], ["n*n", 1]), "y");
  // The product behind the views, and two of the other branch.
  expect(peakResultBytes(graph, { n })).toBe(3 * matrix);
});

test("outputs lie in the caller's memory, also where they are read on or views", () => {
  const graph = new Graph();
  const x = square(graph);
  const a = matmul(x, x);
  graph.output(a, "a");
  const flat = reshape(a, [-1], ["n*n"]);
  expect(peakResultBytes(graph, { n })).toBe(0);
  graph.output(flat, "flat");
  graph.output(matmul(exponential(a), x), "b");
  expect(peakResultBytes(graph, { n })).toBe(matrix);
});

test("dimensions: numbers, names and products of names", () => {
  expect(sizeOf(3, {})).toBe(3);
  expect(sizeOf("a*b", { a: 2, b: 5 })).toBe(10);
  expect(() => sizeOf("c", { a: 2 })).toThrow('dimension "c" has no size');
});
