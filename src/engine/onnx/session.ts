/** Graph in, onnxruntime session out. The only place that knows the session options. */
import { cpus } from "node:os";
import ort from "onnxruntime-node";
import type { Graph } from "../../graph/graph.ts";
import { serializeGraph } from "../../graph/serialize.ts";

export type Tensor = ort.Tensor;
export const Tensor = ort.Tensor;
export type Session = ort.InferenceSession;

/** 0 asks for one thread per core. */
export function resolveThreads(threads: number): number {
  return threads > 0 ? threads : cpus().length;
}

/**
 * @param options.spin false: threads sleep between two operators instead of spinning. Where cores share their parts (virtual machines), a
 *   spinning thread slows the one that works; where operators are short, waking up costs more than that.
 */
export async function createSession(
  graph: Graph,
  name: string,
  threads: number,
  { spin = true }: { spin?: boolean } = {},
): Promise<Session> {
  return await ort.InferenceSession.create(serializeGraph(graph, name), {
    intraOpNumThreads: resolveThreads(threads),
    interOpNumThreads: 1,
    executionMode: "sequential",
    graphOptimizationLevel: "all",
    enableCpuMemArena: true,
    // A planned block per input shape lies beside what the first run of that shape took: half as much memory again, for no speed.
    enableMemPattern: false,
    logSeverityLevel: 3,
    ...(spin ? {} : { extra: { session: { intra_op: { allow_spinning: "0" } } } }),
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
