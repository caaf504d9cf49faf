/** TEST FIXTURE: data whose every text tries to leave its place in the page. */
import type { ReportData } from "../../src/report/data.ts";

export const hostileText = `</script><img src=x onerror="alert(1)"><!-- ' & </style></title><script>alert(2)</script>`;

/** The same data with the hostile text in place of every text and method name (roles and kinds are closed sets). */
export function hostileData(data: ReportData): ReportData {
  const closed = new Set(["role"]);
  const methodKeys = new Set(["methods", "outputs", "versions"]);
  const walk = (value: unknown, key: string): unknown => {
    if (typeof value === "string") return closed.has(key) ? value : hostileText + value;
    if (Array.isArray(value)) return value.map((item) => walk(item, key));
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(
      Object.entries(value).map(([name, item]) => [
        methodKeys.has(key) ? hostileText + name : name,
        walk(item, name),
      ]),
    );
  };
  return walk(data, "") as ReportData;
}
