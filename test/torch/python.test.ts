/** What is said of a Python that does not run the worker. Needs no torch: scripts stand in for Python. */
import { describe, expect, it } from "vitest";
import { checkTorch, setupCommand } from "../../src/engine/torch/python.ts";
import { standIn } from "./stand-in.ts";

describe("whether PyTorch is ready", () => {
  it("is read from the worker's own words", async () => {
    const found = { python: "3.11.7", torch: "2.13.0", transformers: "5.23.0", peft: "0.21.2", gpus: [] };
    // Python is asked for the worker that comes with this package.
    const environment = await standIn(
      `test "$*" = "-m skipthink_torch --check" && test -d "$PYTHONPATH/skipthink_torch" && echo '${JSON.stringify(found)}'`,
    );
    expect(await checkTorch(environment)).toEqual(found);
  });

  it("is denied with what lacks and the command that installs it", async () => {
    const lacking = await standIn(`echo "ModuleNotFoundError: No module named 'peft'" >&2; exit 1`);
    const install = expect.stringContaining(setupCommand) as string;
    await expect(checkTorch(lacking)).rejects.toMatchObject({
      message: `${lacking.SKIPTHINK_PYTHON} has no package "peft"`,
      remedy: install,
    });
    const nowhere = { SKIPTHINK_PYTHON: "/nowhere/python" };
    await expect(checkTorch(nowhere)).rejects.toMatchObject({
      message: "there is no Python at /nowhere/python",
      remedy: install,
    });
    const broken = await standIn("echo 'ImportError: libtorch is damaged' >&2; exit 1");
    await expect(checkTorch(broken)).rejects.toThrow(/worker: ImportError: libtorch is damaged$/);
  });

  it("is not denied to a Python that was too slow", async () => {
    const slow = await standIn("exec sleep 60");
    const error = await checkTorch(slow, 200).catch((reason: unknown) => reason);
    expect(error).toMatchObject({
      message: `${slow.SKIPTHINK_PYTHON} did not import torch within 0.2 seconds`,
      remedy: expect.not.stringContaining(setupCommand) as string,
    });
  });
});
