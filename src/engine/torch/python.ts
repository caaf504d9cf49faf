/** The Python that runs the PyTorch worker: where it is, what it has, and the one command that installs what lacks. */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { delimiter, join, resolve } from "node:path";
import { promisify } from "node:util";
import { SkipthinkError } from "../../util/errors.ts";

const packageRoot = resolve(import.meta.dirname, "../../..");
/** The worker comes with the package, so worker and engine are always of the same version. */
const workerFolder = join(packageRoot, "python", "skipthink_torch");

/** Sets up a virtual environment beside the package (or the working folder) with everything the worker needs. */
export const setupCommand = existsSync(join(packageRoot, "package-lock.json"))
  ? "npm run setup:torch"
  : `python3 -m venv .venv && .venv/bin/pip install "${workerFolder}"`;

type Environment = Readonly<Record<string, string | undefined>>;

/** SKIPTHINK_PYTHON, else the virtual environment of the working folder or of the package, else python3. */
export function findPython(environment: Environment = process.env): string {
  const given = environment.SKIPTHINK_PYTHON;
  if (given) return given;
  const folders = [process.cwd(), packageRoot];
  return folders.map((folder) => join(folder, ".venv", "bin", "python")).find(existsSync) ?? "python3";
}

/** The environment of the worker's processes: its package comes first on the path. */
export function workerEnvironment(
  environment: Environment = process.env,
): Record<string, string | undefined> {
  const others = environment.PYTHONPATH;
  return {
    ...environment,
    PYTHONPATH: others ? `${workerFolder}${delimiter}${others}` : workerFolder,
    PYTHONUNBUFFERED: "1",
  };
}

/** Importing torch takes seconds; minutes where other work has the processors. */
const checkMilliseconds = 300_000;

export interface TorchReadiness {
  python: string;
  torch: string;
  transformers: string;
  peft: string;
  /** Names of the GPUs. */
  gpus: string[];
}

/**
 * Asks Python for the versions of what the worker needs.
 * @throws SkipthinkError naming what lacks, with the command that installs it
 */
export async function checkTorch(
  environment: Environment = process.env,
  timeout = checkMilliseconds,
): Promise<TorchReadiness> {
  const python = findPython(environment);
  try {
    const { stdout } = await promisify(execFile)(python, ["-m", "skipthink_torch", "--check"], {
      env: workerEnvironment(environment),
      timeout,
    });
    return JSON.parse(stdout) as TorchReadiness;
  } catch (error) {
    throw missing(python, error as CheckError, timeout);
  }
}

type CheckError = NodeJS.ErrnoException & { stderr?: string; killed?: boolean };

function missing(python: string, error: CheckError, timeout: number): SkipthinkError {
  if (error.killed === true) {
    return new SkipthinkError(`${python} did not import torch within ${timeout / 1000} seconds`, {
      remedy: "Try again when the machine is less busy.",
    });
  }
  const remedy = `Install it with: ${setupCommand}  (or set SKIPTHINK_PYTHON to a Python that has it)`;
  if (error.code === "ENOENT") return new SkipthinkError(`there is no Python at ${python}`, { remedy });
  const lacks = missingModule(error.stderr ?? "");
  if (lacks !== undefined) return new SkipthinkError(`${python} has no package "${lacks}"`, { remedy });
  const last = (error.stderr ?? error.message).trim().split("\n").at(-1) ?? "";
  return new SkipthinkError(`${python} does not run the PyTorch worker: ${last.slice(0, 300)}`, { remedy });
}

/** The package that Python says it does not find. */
export function missingModule(stderr: string): string | undefined {
  return stderr.match(/ModuleNotFoundError: No module named '([\w.]+)'/)?.[1];
}
