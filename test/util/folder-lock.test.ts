import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { lockFolder } from "../../src/util/folder-lock.ts";

let root: string;
let folder: string;
let path: string;
let count = 0;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "skipthink-lock-"));
});
beforeEach(() => {
  folder = join(root, String(count++));
  path = join(folder, "run.lock");
});
afterAll(() => rm(root, { recursive: true }));

const take = () => lockFolder(path, { activity: "is training" });
/** A lock as another process would have left it. */
async function leave(changes: Record<string, unknown>): Promise<void> {
  await mkdir(folder, { recursive: true });
  const holder = { host: hostname(), pid: 4_194_999, token: "00", ...changes };
  await writeFile(path, JSON.stringify(holder));
}
/** What Linux says of a process; undefined elsewhere. */
async function startOf(pid: number): Promise<string | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => undefined);
  return text?.slice(text.lastIndexOf(")") + 2).split(" ")[19];
}

it("is one holder's until it is released, and leaves nothing behind", async () => {
  const lock = await take();
  expect(await readdir(folder)).toEqual(["run.lock"]);
  await expect(take()).rejects.toMatchObject({
    exitCode: 2,
    message: `${folder} is in use: process ${process.pid} on ${hostname()} is training`,
    place: { file: path },
    remedy: expect.stringContaining(`delete ${path}`),
  });
  await lock.release();
  expect(await readdir(folder)).toEqual([]);
  await (await take()).release();
});

it("goes to exactly one of many who start at once", async () => {
  const ends = await Promise.allSettled(Array.from({ length: 12 }, take));
  expect(ends.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
  expect(await readdir(folder)).toEqual(["run.lock"]);
});

describe("a lock that was left", () => {
  it("by a process that is gone is taken over, by exactly one of many", async () => {
    for (let round = 0; round < 5; round++) {
      await leave({});
      const ends = await Promise.allSettled(Array.from({ length: 12 }, take));
      const [winner, ...others] = ends.filter((end) => end.status === "fulfilled");
      expect(others).toEqual([]);
      expect(JSON.parse(await readFile(path, "utf8"))).toMatchObject({ pid: process.pid });
      expect(await readdir(folder)).toEqual(["run.lock"]);
      await winner!.value.release();
    }
  });

  it("by a running process is respected, unless its number has a new owner", async () => {
    await leave({ pid: process.ppid, started: await startOf(process.ppid) });
    await expect(take()).rejects.toThrow(`process ${process.ppid} on ${hostname()}`);
    await leave({ pid: process.ppid });
    await expect(take()).rejects.toThrow(`process ${process.ppid} on ${hostname()}`);
  });

  it.skipIf(process.platform !== "linux")(
    "by an earlier process of the same number is taken over",
    async () => {
      // So it is in a container that was restarted: its first process is number 1 each time.
      for (const pid of [process.pid, process.ppid]) {
        await leave({ pid, started: "1" });
        await (await take()).release();
      }
    },
  );

  it("by another machine is never taken over", async () => {
    for (const pid of [process.pid, 4_194_999]) {
      await leave({ host: "elsewhere", pid });
      await expect(take()).rejects.toMatchObject({
        exitCode: 2,
        message: `${folder} is in use: process ${pid} on elsewhere is training`,
        remedy: expect.stringContaining("cannot be seen"),
      });
      expect(JSON.parse(await readFile(path, "utf8"))).toMatchObject({ host: "elsewhere" });
    }
  });

  it("and says nothing that can be read is respected", async () => {
    for (const text of [
      "",
      "12",
      "null",
      '{"host": "h", "pid": -1}',
      '{"host":"h","pid":1,"token":"../x"}',
    ]) {
      await leave({});
      await writeFile(path, text);
      await expect(take(), text).rejects.toMatchObject({
        exitCode: 2,
        message: expect.stringContaining("does not say by whom"),
        remedy: expect.stringContaining(`delete ${path}`),
      });
      expect(await readFile(path, "utf8")).toBe(text);
    }
  }, 20_000);

  it("is not removed by a holder that lost it", async () => {
    const lock = await take();
    await leave({ host: "elsewhere" });
    await lock.release();
    expect(await readdir(folder)).toEqual(["run.lock"]);
  });
});
