/** `teach` in a process of its own, so that it can be killed. Only its part of src is compiled. */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { compilePart } from "../compiled-part.ts";

const main = `
import { readFileSync } from "node:fs";
import { teachSchema } from "./out/teacher/config.js";
import { teach } from "./out/teacher/teach.js";
const [config, folder] = process.argv.slice(2);
const { incomplete } = await teach(teachSchema.parse(JSON.parse(readFileSync(config, "utf8"))), folder, { environment: {} });
if (incomplete !== undefined) throw incomplete;
`;

let built: string;

export async function buildTeach(): Promise<void> {
  built = await compilePart("skipthink-teach", "src/teacher/teach.ts", { "main.js": main });
}

/** @param kill asked every few milliseconds; once true the process gets SIGKILL */
export async function runTeach(
  config: string,
  folder: string,
  kill: () => boolean = () => false,
): Promise<{ signal: NodeJS.Signals | null; code: number | null; stderr: string }> {
  const child = spawn(process.execPath, [join(built, "main.js"), config, folder], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  let stderr = "";
  child.stderr.on("data", (data: Buffer) => {
    stderr += data.toString();
  });
  const watch = setInterval(() => {
    if (kill()) child.kill("SIGKILL");
  }, 2);
  return await new Promise((done, fail) => {
    child.on("error", fail);
    child.on("close", (code, signal) => {
      clearInterval(watch);
      done({ signal, code, stderr });
    });
  });
}
