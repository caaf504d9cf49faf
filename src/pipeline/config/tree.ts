/** The recipe as plain data before it is checked: mappings, lists and scalars, as YAML gives them. */

export type Mapping = { [key: string]: unknown };

export function isMapping(value: unknown): value is Mapping {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The value at a dotted key such as "data.train"; undefined when the way there ends early. */
export function valueAt(tree: unknown, key: string): unknown {
  let value = tree;
  for (const part of key.split(".")) {
    if (!isMapping(value) || !Object.hasOwn(value, part)) return undefined;
    value = value[part];
  }
  return value;
}

/** True when `key` is `ancestor` or lies below it. */
export function liesWithin(key: string, ancestor: string): boolean {
  return key === ancestor || key.startsWith(`${ancestor}.`);
}
