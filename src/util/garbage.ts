/** Memory that nobody holds any more, given back at once. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/**
 * A full garbage collection. V8 collects when its own heap grows, and neither onnxruntime's memory nor WebAssembly's counts there:
 * arrays of half a gigabyte that were replaced just now would stay for several training steps, beside the peak of the first.
 */
export function collectGarbage(): void {
  setFlagsFromString("--expose-gc");
  (runInNewContext("gc") as () => void)();
}
