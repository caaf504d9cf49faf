/** The worker has no adapters: a student that asks for them is refused before anything is done. */
import { inputError } from "../../util/errors.ts";

/** @throws SkipthinkError (exit 2) if `lora` is given */
export function refuseLora(lora: object | undefined): void {
  if (lora === undefined) return;
  throw inputError(
    "PyTorch trains all weights of a student",
    { key: "student.lora" },
    "Train with LoRA on the embedded engine (engine: onnx), or take lora out.",
  );
}
