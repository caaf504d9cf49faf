/** A part of src compiled for processes of their own, which cannot load TypeScript. */
import { execFile } from "node:child_process";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { promisify } from "node:util";

const root = resolve(import.meta.dirname, "..");

/**
 * Compiles a file of src and what it imports into `out`, without checking types, and puts scripts beside it.
 * @returns the folder: below node_modules, so that packages are found and git looks away
 */
export async function compilePart(
  name: string,
  file: string,
  scripts: Readonly<Record<string, string>>,
): Promise<string> {
  const built = join(root, "node_modules/.cache", name);
  await rm(built, { recursive: true, force: true });
  await mkdir(built, { recursive: true });
  await writeFile(join(built, "package.json"), '{"type": "module"}');
  for (const [script, text] of Object.entries(scripts)) await writeFile(join(built, script), text);
  await writeFile(
    join(built, "tsconfig.json"),
    JSON.stringify({
      extends: join(root, "tsconfig.json"),
      compilerOptions: {
        noEmit: false,
        noCheck: true,
        declaration: false,
        sourceMap: false,
        rootDir: join(root, "src"),
        outDir: join(built, "out"),
        types: [],
      },
      include: [],
      files: [join(root, file)],
    }),
  );
  const compiler = join(root, "node_modules/typescript/bin/tsc");
  await promisify(execFile)(process.execPath, [compiler, "-p", join(built, "tsconfig.json")]);
  return built;
}
