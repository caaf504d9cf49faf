/** A shell script in Python's place, for tests of how its end is told. */
import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { temporaryFolder } from "../engine/tiny-student.ts";

export async function standIn(
  script: string,
): Promise<{ SKIPTHINK_PYTHON: string; PATH: string | undefined }> {
  const path = join(await temporaryFolder(), "python");
  await writeFile(path, `#!/bin/sh\n${script}\n`);
  await chmod(path, 0o755);
  return { SKIPTHINK_PYTHON: path, PATH: process.env.PATH };
}
