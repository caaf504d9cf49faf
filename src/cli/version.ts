/** Versions that a run is stamped with. */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import ort from "../engine/onnx/runtime.ts";

/** This file lies as deep in src/ as it does in dist/, so one way up fits both. */
const packageFile = resolve(import.meta.dirname, "../../package.json");

export function packageVersion(): string {
  return (JSON.parse(readFileSync(packageFile, "utf8")) as { version: string }).version;
}

export function versions(): Record<string, string> {
  return {
    skipthink: packageVersion(),
    node: process.versions.node,
    onnxruntime: ort.env.versions.node ?? ort.env.versions.common,
  };
}
