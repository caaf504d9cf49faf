/** Which parameters the tensors of a checkpoint are, and what its head says of the configuration. */
import type { WeightReader } from "./model-folder.ts";

/** The parameter that a stored tensor is; undefined for one to ignore. */
export type ParameterName = (stored: string) => string | undefined;

/** Stored name of each parameter. A parameter's own name comes before others it may be stored under. */
export function storedNames(names: readonly string[], parameterName: ParameterName): Map<string, string> {
  const stored = new Map<string, string>();
  for (const name of names) {
    const parameter = parameterName(name);
    if (parameter !== undefined && (parameter === name || !stored.has(parameter))) {
      stored.set(parameter, name);
    }
  }
  return stored;
}

/**
 * Whether the checkpoint holds a head that differs from its embeddings. Such a head counts even where config.json says that it
 * is tied, as in transformers 5 and the torch engine; one equal to the embeddings is a tied one that was stored twice.
 */
export async function holdsOwnHead(
  weights: Pick<WeightReader, "names" | "readFloat32">,
  embeddingName: string,
  parameterName: ParameterName,
): Promise<boolean> {
  const stored = storedNames(weights.names(), parameterName);
  const [headTensor, embeddingTensor] = [stored.get("lm_head.weight"), stored.get(embeddingName)];
  if (headTensor === undefined || embeddingTensor === undefined) return false;
  const head = await weights.readFloat32(headTensor);
  const embeddings = await weights.readFloat32(embeddingTensor);
  return head.length !== embeddings.length || head.some((value, i) => value !== embeddings[i]);
}
