import { describe, expect, it } from "vitest";
import { teachSchema } from "../../src/teacher/config.ts";
import { type Endpoint, resolveEndpoint } from "../../src/teacher/endpoint.ts";

function resolve(endpoint: Record<string, unknown>, environment: Record<string, string> = {}): Endpoint {
  const config = teachSchema.parse({ questions: [{ file: "q" }], endpoint: { model: "m", ...endpoint } });
  return resolveEndpoint(config.endpoint, environment);
}

describe("the endpoint", () => {
  it("is this machine by http, any other by https only", () => {
    for (const url of [
      "http://127.0.0.1:8000/v1/",
      "http://localhost/v1",
      "http://[::1]:1/v1",
      "https://x.org",
    ]) {
      expect(resolve({ url })).toEqual({ url: url.replace(/\/$/, ""), stream: false, key: undefined });
    }
    for (const url of ["http://x.org/v1", "http://127.0.0.1.x.org/v1", "http://localhost.x.org/v1"]) {
      expect(() => resolve({ url })).toThrow(/in the clear/);
      expect(resolve({ url, allowHttp: true }).url).toBe(url);
    }
  });

  it.each(["ftp://x/v1", "x.org/v1", "https://user:pw@x.org/v1", "https://x.org/v1?key=abc", ""])(
    "%j is refused without being repeated",
    (url) => {
      const refused = () => resolve(url === "" ? {} : { url });
      expect(refused).toThrow(expect.objectContaining({ exitCode: 2 }));
      expect(refused).not.toThrow(/pw|abc/);
    },
  );

  it("gets the key that is meant for it, and no other", () => {
    const environment = { OPENAI_API_KEY: "sk-open", MINE: " sk-mine\n", BAD: "sk mine" };
    expect(resolve({ url: "https://api.openai.com/v1" }, environment).key).toBe("sk-open");
    expect(resolve({ url: "https://x.org/v1" }, environment).key).toBeUndefined();
    expect(resolve({ url: "https://x.org/v1", keyVariable: "MINE" }, environment).key).toBe("sk-mine");
    const base = { ...environment, OPENAI_BASE_URL: "https://y.org/v1" };
    expect(resolve({}, base)).toEqual({ url: "https://y.org/v1", stream: false, key: "sk-open" });
    expect(() => resolve({ url: "https://api.openai.com/v1" })).toThrow(/OPENAI_API_KEY.*is not set/);
    expect(() => resolve({ url: "https://x.org/v1", keyVariable: "NONE" }, environment)).toThrow(/NONE/);
    expect(() => resolve({ url: "https://x.org/v1", keyVariable: "BAD" }, environment)).toThrow(/characters/);
    expect(() => resolve({ url: "https://x.org/v1", keyVariable: "sk-mine" })).toThrow(/not the key itself/);
  });
});
