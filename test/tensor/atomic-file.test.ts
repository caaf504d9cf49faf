import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  appendText,
  stageFile,
  writeFileAtomically,
  writeTextAtomically,
} from "../../src/tensor/atomic-file.ts";
import { SkipthinkError } from "../../src/util/errors.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "skipthink-atomic-"));
});
afterEach(() => rm(folder, { recursive: true }));

describe("atomic files", () => {
  it("replaces a file and makes missing folders", async () => {
    const path = join(folder, "deep/er/a.txt");
    await writeTextAtomically(path, "first");
    await writeTextAtomically(path, "second");
    expect(await readFile(path, "utf8")).toBe("second");
    expect(await readdir(join(folder, "deep/er"))).toEqual(["a.txt"]);
  });

  it("keeps the old file and leaves nothing behind when the disk is full", async () => {
    const path = join(folder, "a.txt");
    await writeFile(path, "old");
    const failing = writeFileAtomically(path, async (handle) => {
      await handle.write("half of the new ");
      throw Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" });
    });
    await expect(failing).rejects.toThrow(/a\.txt: the disk is full/);
    await expect(failing).rejects.toBeInstanceOf(SkipthinkError);
    await expect(failing).rejects.toMatchObject({ place: { file: path } });
    expect(await readFile(path, "utf8")).toBe("old");
    expect(await readdir(folder)).toEqual(["a.txt"]);
  });

  it.runIf(existsSync("/dev/full"))("names the file that cannot grow", async () => {
    await expect(appendText("/dev/full", "a line\n")).rejects.toMatchObject({
      message: "cannot write /dev/full: the disk is full",
      exitCode: 2,
      place: { file: "/dev/full" },
    });
  });

  it("passes on errors that are not the system's", async () => {
    const failing = writeFileAtomically(join(folder, "a.txt"), async () => {
      throw new RangeError("a defect");
    });
    await expect(failing).rejects.toBeInstanceOf(RangeError);
    expect(await readdir(folder)).toEqual([]);
  });

  it("shows a staged file only once committed", async () => {
    const path = join(folder, "a.txt");
    const kept = await stageFile(path, (handle) => handle.writeFile("new"));
    await expect(readFile(path)).rejects.toThrow("ENOENT");
    await kept.commit();
    const dropped = await stageFile(path, (handle) => handle.writeFile("newer"));
    await dropped.discard();
    expect(await readFile(path, "utf8")).toBe("new");
    expect(await readdir(folder)).toEqual(["a.txt"]);
  });

  it("explains a path that leads through a file", async () => {
    await writeFile(join(folder, "file"), "");
    await expect(writeTextAtomically(join(folder, "file/a.txt"), "")).rejects.toThrow(
      /cannot write .*not a folder/,
    );
  });
});
