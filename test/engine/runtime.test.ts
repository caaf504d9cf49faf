import { execFile } from "node:child_process";
import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { beforeAll, describe, expect, it } from "vitest";
import { compilePart } from "../compiled-part.ts";
import { temporaryFolder } from "./tiny-student.ts";

const script = `
import ort from "./out/engine/onnx/runtime.js";
await ort.InferenceSession.create(new Uint8Array([1])).catch(() => console.log("started"));
console.log(process.env.ORT_DISABLE_TELEMETRY);
`;

describe("ONNX Runtime", () => {
  let built: string;
  beforeAll(async () => {
    built = await compilePart("test-runtime", "src/engine/onnx/runtime.ts", { "start.mjs": script });
  });

  it("keeps no identifier of the machine and no events to send, which its builds do by themselves", async () => {
    const folder = await temporaryFolder();
    const [home, temporary] = [join(folder, "home"), join(folder, "temporary")];
    for (const path of [home, temporary]) await mkdir(path);
    // Not the environment of the tests: the runtime is silent of itself where CI is set.
    const env = { PATH: process.env.PATH, HOME: home, TMPDIR: temporary };
    const { stdout } = await promisify(execFile)(process.execPath, [join(built, "start.mjs")], { env });
    expect(stdout).toBe("started\n1\n");
    expect(await readdir(home)).toEqual([]);
    // A mark of the library's loading; events would lie beside it in a file of the process.
    expect((await readdir(temporary)).filter((name) => name !== ".ses")).toEqual([]);
  });

  it("has the user's own setting where there is one", async () => {
    const env = { ...process.env, ORT_DISABLE_TELEMETRY: "true" };
    const { stdout } = await promisify(execFile)(process.execPath, [join(built, "start.mjs")], { env });
    expect(stdout).toBe("started\ntrue\n");
  });
});
