/** Graph in, onnxruntime session out. The only place that knows the session options. */
import { cpus } from "node:os";
import type { Graph } from "../../graph/graph.ts";
import { type SerializeOptions, serializeGraph } from "../../graph/serialize.ts";
import ort from "./runtime.ts";

export type Tensor = ort.Tensor;
export const Tensor = ort.Tensor;
export type Session = ort.InferenceSession;

/** 0 asks for one thread per core. */
export function resolveThreads(threads: number): number {
  return threads > 0 ? threads : cpus().length;
}

export interface SessionOptions extends SerializeOptions {
  /**
   * The session's threads sleep between runs. By default they spin for some milliseconds first, which is good for runs that follow one
   * another, and takes the cores from another session that runs next.
   */
  sleepBetweenRuns?: boolean;
}

export async function createSession(
  graph: Graph,
  name: string,
  threads: number,
  { sleepBetweenRuns = false, ...options }: SessionOptions = {},
): Promise<Session> {
  return await ort.InferenceSession.create(serializeGraph(graph, name, options), {
    intraOpNumThreads: resolveThreads(threads),
    interOpNumThreads: 1,
    executionMode: "sequential",
    graphOptimizationLevel: "all",
    enableCpuMemArena: true,
    // A planned block per input shape lies beside what the first run of that shape took: half as much memory again, for no speed.
    enableMemPattern: false,
    logSeverityLevel: 3,
    ...(sleepBetweenRuns ? { extra: { session: { intra_op: { allow_spinning: "0" } } } } : {}),
  });
}

/** Runs a session; results named in `into` are written to the given tensors' memory. */
export async function run(
  session: Session,
  feeds: Record<string, Tensor>,
  fetches: Record<string, Tensor | null>,
): Promise<Record<string, Tensor>> {
  return (await session.run(feeds, fetches)) as Record<string, Tensor>;
}
