/**
 * Sequences that begin alike, read as one. The removals of a rationale (skip probing) and its candidate chunks (staged search) share
 * the question and much of the text; written down as a tree of tokens, what they share is computed once. A tree is a row of a
 * forward pass: each token keeps the position that it has in its own sequence and sees only the tokens on its way to the root.
 */
import type { TokenSequence } from "../engine.ts";
import { checkSequence, type SequenceBatch } from "./batch.ts";
import { Tensor } from "./session.ts";

/** A token tree; a node's parent comes before it. */
export interface TokenTree {
  tokens: number[];
  /** Index of the node before each node, -1 at the start. */
  parents: number[];
  /** Position of each node in its sequences. */
  depths: number[];
  /** The sequences that were put into it. */
  members: TreeMember[];
}

export interface TreeMember {
  /** Index of the sequence among those given to `buildTrees`. */
  index: number;
  /** Nodes of the sequence's tokens from the last given one on; each predicts the token after it. */
  nodes: number[];
}

export interface TreeLimits {
  /** Cost of a token for itself, where a pair of tokens in attention costs 1: a tree is a long row, and attention reads all of it. */
  perToken: number;
  /** Tokens of a tree at most, but for a sequence that is longer on its own. */
  longest: number;
}

/**
 * Trees of sequences that begin alike; a sequence with nothing worth sharing is a tree of its own.
 *
 * Sorted by their tokens, sequences that share most stand side by side, so one walk over the order finds the branches.
 */
export function buildTrees(
  sequences: readonly TokenSequence[],
  { perToken, longest }: TreeLimits,
): TokenTree[] {
  const texts = sequences.map(({ prompt, context, target }, i) => {
    checkSequence(prompt.length + context.length, target.length, i);
    return [...prompt, ...context, ...target];
  });
  const order = [...texts.keys()].sort((a, b) => compare(texts[a]!, texts[b]!) || a - b);
  const trees: TokenTree[] = [];
  /** Nodes of the sequence before, by position. */
  let path: number[] = [];
  let before: readonly number[] = [];
  for (const index of order) {
    const text = texts[index]!;
    const shared = commonLength(before, text);
    const own = text.length - shared;
    const length = trees.at(-1)?.tokens.length ?? 0;
    const joined = own * (perToken + 2 * length + own);
    const alone = text.length * (perToken + text.length);
    if (trees.length === 0 || length + own > longest || joined >= alone) {
      trees.push({ tokens: [], parents: [], depths: [], members: [] });
      path = [];
    }
    const tree = trees.at(-1)!;
    path.length = Math.min(path.length, shared);
    for (let depth = path.length; depth < text.length; depth++) {
      tree.parents.push(path.at(-1) ?? -1);
      tree.depths.push(depth);
      path.push(tree.tokens.push(text[depth]!) - 1);
    }
    const { target } = sequences[index]!;
    tree.members.push({ index, nodes: path.slice(text.length - target.length - 1) });
    before = text;
  }
  return trees;
}

/** A batch of trees as the scoring graph reads it. */
export interface TreeBatch extends Omit<SequenceBatch, "offsets"> {
  /** The sequences of the batch, in order. */
  indices: number[];
  /** For each of them the row of the results that predicts each target token, and one more for what comes after the last. */
  places: number[][];
}

/** Trees as rows of one forward pass, right-padded; `positions` is [rows, time] and `mask` [rows, 1, time, time]. */
export function treeBatch(trees: readonly TokenTree[], sequences: readonly TokenSequence[]): TreeBatch {
  const rows = trees.length;
  const time = Math.max(...trees.map(({ tokens }) => tokens.length));
  const ids = new Int32Array(rows * time);
  const positions = new Int32Array(rows * time);
  const mask = new Float32Array(rows * time * time).fill(-1e9);
  const supervised: number[] = [];
  const targets: number[] = [];
  const indices: number[] = [];
  const places: number[][] = [];
  trees.forEach(({ tokens, parents, depths, members }, row) => {
    ids.set(tokens, row * time);
    positions.set(depths, row * time);
    const square = mask.subarray(row * time * time, (row + 1) * time * time);
    for (let node = 0; node < time; node++) {
      const parent = parents[node] ?? -1;
      if (parent >= 0) square.copyWithin(node * time, parent * time, parent * time + parent + 1);
      square[node * time + node] = 0;
    }
    // Sequences that ask a node for the same token ask once: the head is a large part of a pass.
    const asked = new Map<string, number>();
    for (const { index, nodes } of members) {
      const { target } = sequences[index]!;
      indices.push(index);
      places.push(
        nodes.map((node, i) => {
          const token = target[i] ?? 0;
          const key = `${node}/${token}`;
          const known = asked.get(key);
          if (known !== undefined) return known;
          supervised.push(row * time + node);
          const place = targets.push(token) - 1;
          asked.set(key, place);
          return place;
        }),
      );
    }
  });
  return {
    feeds: {
      ids: new Tensor("int32", ids, [rows, time]),
      positions: new Tensor("int32", positions, [rows, time]),
      mask: new Tensor("float32", mask, [rows, 1, time, time]),
      supervised: new Tensor("int32", Int32Array.from(supervised), [supervised.length]),
      targets: new Tensor("int32", Int32Array.from(targets), [targets.length]),
    },
    tokens: trees.reduce((sum, { tokens }) => sum + tokens.length, 0),
    paddedTokens: rows * time,
    indices,
    places,
  };
}

function compare(a: readonly number[], b: readonly number[]): number {
  const shared = commonLength(a, b);
  return (a[shared] ?? -1) - (b[shared] ?? -1);
}

function commonLength(a: readonly number[], b: readonly number[]): number {
  const most = Math.min(a.length, b.length);
  let length = 0;
  while (length < most && a[length] === b[length]) length++;
  return length;
}
