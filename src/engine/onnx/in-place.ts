/**
 * Sessions whose results are written to memory of the caller's and are not copied again.
 *
 * onnxruntime-node 1.30 writes results into arrays that are given for them, and then copies each into a new array all the same, on one
 * thread and into fresh memory: 40 ms for the gradients of 14 M weights. It makes these copies in the order of the outputs and
 * refuses outputs that are no tensors, so an empty sequence as the first output ends the call when everything is computed and
 * before anything is copied. Whether the runtime at hand behaves so is tried out, once per process; where it does not,
 * results are copied and nothing else changes. decisions/2026-11-29-results-in-place.md has what this is worth.
 */
import { Graph } from "../../graph/graph.ts";
import { add } from "../../graph/operators/elementwise.ts";
import { createSession, type Session, type SessionOptions, Tensor } from "./session.ts";

/** Name of the empty sequence among the outputs. */
const stop = "stop";

/** A session that has been prepared for `runInto`. */
export interface InPlaceSession {
  session: Session;
  /** What the runtime says when it refuses the sequence; undefined: there is no sequence among the outputs. */
  refusal: string | undefined;
}

export async function createInPlaceSession(
  graph: Graph,
  name: string,
  threads: number,
  options: Pick<SessionOptions, "sleepBetweenRuns"> = {},
): Promise<InPlaceSession> {
  refusal ??= findRefusal();
  const message = await refusal;
  const first = message === undefined ? {} : { firstOutput: stop };
  return { session: await createSession(graph, name, threads, { ...options, ...first }), refusal: message };
}

/** Runs a session; each result named in `into` is written to the given tensor's memory, and nothing else comes out. */
export async function runInto(
  { session, refusal }: InPlaceSession,
  feeds: Readonly<Record<string, Tensor>>,
  into: Readonly<Record<string, Tensor>>,
): Promise<void> {
  if (refusal === undefined) {
    await session.run(feeds, into);
    return;
  }
  try {
    await session.run(feeds, { [stop]: null, ...into });
  } catch (error) {
    if (!(error instanceof Error) || error.message !== refusal) throw error;
  }
}

let refusal: Promise<string | undefined> | undefined;

/** The runtime's refusal of a sequence, if it comes when the other results are already where they belong. */
async function findRefusal(): Promise<string | undefined> {
  const graph = new Graph();
  const x = graph.input("x", "float32", [1]);
  graph.output(add(x, x), "twice");
  const session = await createSession(graph, "refusal", 1, { firstOutput: stop });
  const twice = new Tensor("float32", Float32Array.of(0), [1]);
  try {
    await session.run({ x: new Tensor("float32", Float32Array.of(21), [1]) }, { [stop]: null, twice });
    return undefined;
  } catch (error) {
    return error instanceof Error && twice.data[0] === 42 ? error.message : undefined;
  } finally {
    await session.release();
  }
}
