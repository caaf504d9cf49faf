import { connect, type Socket } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { type RunningServer, startServer } from "../../src/serve/server.ts";
import { stubStudent } from "./stub-student.ts";

const sockets: Socket[] = [];
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
});

/** A client that writes its request by hand, and reads only what it is told to. */
async function open({ url }: RunningServer): Promise<Socket> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.on("error", () => {});
  sockets.push(socket);
  await new Promise((resolve) => socket.once("connect", resolve));
  return socket;
}
function request(body: string, path = "/v1/completions"): string {
  const head = ["host: 127.0.0.1", "content-type: application/json", `content-length: ${body.length}`];
  return [`POST ${path} HTTP/1.1`, ...head, "", body].join("\r\n");
}
const text = (socket: Socket): Promise<string> =>
  new Promise((resolve) => {
    let all = "";
    socket.on("data", (part) => {
      all += part;
    });
    socket.on("close", () => resolve(all));
    socket.resume();
  });
/** More than the system keeps for a connection. */
const large = Array.from({ length: 20 }, () => "x".repeat(1 << 20));
const soon = () => new Promise((resolve) => setTimeout(resolve, 50));

describe("a server that is closed", () => {
  it("does not wait for a request that never comes whole", async () => {
    const server = await startServer({ served: stubStudent(), model: "m", port: 0, closeSeconds: 0.2 });
    const client = await open(server);
    client.write(request('{"prompt": "x"}').slice(0, -5));
    await soon();
    const started = performance.now();
    await server.close();
    expect(performance.now() - started).toBeLessThan(3000);
  }, 10_000);

  it("gives a slow client its reply", async () => {
    const server = await startServer({ served: stubStudent(large), model: "m", port: 0 });
    const client = await open(server);
    client.pause();
    client.write(request('{"prompt": "x"}'));
    await soon();
    const closed = server.close();
    await soon();
    expect((await text(client)).length).toBeGreaterThan(large.length << 20);
    await closed;
  }, 10_000);

  it("does not wait for a client that does not read", async () => {
    const server = await startServer({ served: stubStudent(large), model: "m", port: 0, closeSeconds: 0.2 });
    const client = await open(server);
    client.pause();
    client.write(request('{"prompt": "x", "stream": true}'));
    await soon();
    const started = performance.now();
    await server.close();
    expect(performance.now() - started).toBeLessThan(3000);
  }, 10_000);

  it("finishes what is under way, and starts nothing else", async () => {
    let go = () => {};
    const gate = new Promise<void>((resolve) => {
      go = resolve;
    });
    const server = await startServer({ served: stubStudent(["8"], () => gate), model: "m", port: 0 });
    const asked = await open(server);
    const late = await open(server);
    asked.write(request('{"prompt": "x"}'));
    const [start, end] = [request('{"prompt": "y"}').slice(0, -5), request('{"prompt": "y"}').slice(-5)];
    late.write(start);
    await soon();
    const closed = server.close();
    late.write(end);
    await soon();
    go();
    expect(await text(asked)).toMatch(/^HTTP\/1.1 200 .*"text":"8"/s);
    expect(await text(late)).toMatch(/^HTTP\/1.1 503 .*shutting down/s);
    await closed;
  }, 10_000);
});
