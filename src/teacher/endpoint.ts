/** Where the teacher is and how it is addressed. The key is read from the environment and lives in memory only. */
import { inputError } from "../util/errors.ts";
import type { TeachConfig } from "./config.ts";

export interface Endpoint {
  /** Base address without a slash at its end, e.g. `http://127.0.0.1:8000/v1`. */
  url: string;
  stream: boolean;
  /** Undefined: no Authorization header. */
  key: string | undefined;
}

type Environment = Readonly<Record<string, string | undefined>>;

const openAiHost = "api.openai.com";

/**
 * Checks the address and looks up the key.
 * @throws SkipthinkError (exit 2): no address, one that is no http(s) address or holds a password, plain http to another
 *   machine without `allowHttp`, or a key variable that is not set
 */
export function resolveEndpoint(config: TeachConfig["endpoint"], environment: Environment): Endpoint {
  const fromEnvironment = config.url === undefined;
  const address = config.url ?? environment.OPENAI_BASE_URL;
  const place = { key: fromEnvironment ? "OPENAI_BASE_URL" : "endpoint.url" };
  if (address === undefined || address === "") {
    throw inputError(
      "the teacher's address is not given",
      { key: "endpoint.url" },
      "Give endpoint.url (--url), e.g. http://127.0.0.1:8000/v1, or set OPENAI_BASE_URL.",
    );
  }
  let url: URL;
  try {
    url = new URL(address);
  } catch {
    throw inputError("the teacher's address is no URL", place, "Write it as https://host/v1.");
  }
  if (url.protocol !== "https:" && url.protocol !== "http:") {
    throw inputError(
      `the teacher's address begins with ${url.protocol}`,
      place,
      "Write it as https://host/v1.",
    );
  }
  if (url.username !== "" || url.password !== "" || url.search !== "" || url.hash !== "") {
    throw inputError(
      "the teacher's address holds a password, a query or a fragment",
      place,
      "Give the plain base address, and the key by endpoint.keyVariable.",
    );
  }
  if (url.protocol === "http:" && !isLocal(url.hostname) && !config.allowHttp) {
    throw inputError(
      `plain http to ${url.hostname} would send questions and key in the clear`,
      place,
      "Use https, or allow it with endpoint.allowHttp: true (--allow-http).",
    );
  }
  const variable =
    config.keyVariable ?? (fromEnvironment || url.hostname === openAiHost ? "OPENAI_API_KEY" : undefined);
  const key = variable === undefined ? undefined : environment[variable]?.trim();
  if (variable !== undefined && !key && (config.keyVariable !== undefined || url.hostname === openAiHost)) {
    throw inputError(
      `the environment variable ${variable}, which holds the teacher's key, is not set`,
      { key: "endpoint.keyVariable" },
      `Set ${variable}, or name another variable.`,
    );
  }
  if (key !== undefined && !/^[\x21-\x7e]*$/.test(key)) {
    throw inputError(
      `the key in ${variable} holds characters that no key has`,
      { key: "endpoint.keyVariable" },
      "Set the variable to the key alone, without quotes or line breaks.",
    );
  }
  return { url: url.href.replace(/\/+$/, ""), stream: config.stream, key: key === "" ? undefined : key };
}

function isLocal(hostname: string): boolean {
  return (
    hostname === "localhost" ||
    hostname.endsWith(".localhost") ||
    hostname === "[::1]" ||
    /^127(\.\d+){3}$/.test(hostname)
  );
}
