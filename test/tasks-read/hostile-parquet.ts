/** Parquet files of about a hundred bytes whose counts claim far more. */

type Value = number | bigint | string | Value[] | { [field: number]: Value };

const varint = (value: number): number[] =>
  value < 128 ? [value] : [(value % 128) | 128, ...varint(Math.floor(value / 128))];

/** Thrift's compact protocol: numbers are i32, bigints i64. */
function typeOf(value: Value): number {
  if (typeof value === "number") return 5;
  if (typeof value === "bigint") return 6;
  if (typeof value === "string") return 8;
  return Array.isArray(value) ? 9 : 12;
}

function encode(value: Value): number[] {
  if (typeof value === "number" || typeof value === "bigint") return varint(Number(value) * 2);
  if (typeof value === "string") return [...varint(value.length), ...Buffer.from(value)];
  if (Array.isArray(value))
    return [(value.length << 4) | (value.length === 0 ? 5 : typeOf(value[0]!)), ...value.flatMap(encode)];
  let previous = 0;
  const fields = Object.entries(value).flatMap(([name, field]) => {
    const delta = Number(name) - previous;
    previous = Number(name);
    return [(delta << 4) | typeOf(field), ...encode(field)];
  });
  return [...fields, 0];
}

function file(page: number[], footer: number[]): Uint8Array {
  const length = Buffer.alloc(4);
  length.writeUInt32LE(footer.length);
  return Buffer.concat([Buffer.from("PAR1"), Buffer.from([...page, ...footer]), length, Buffer.from("PAR1")]);
}

/** An optional INT32 column of three rows whose one page claims `values`, in a run of `run` definition levels. */
function levels(values: number, run: number): Uint8Array {
  const runs = [...varint(run * 2), 0];
  const data = [runs.length, 0, 0, 0, ...runs];
  const header = { 1: 0, 2: data.length, 3: data.length, 5: { 1: values, 2: 0, 3: 3, 4: 3 } };
  const page = [...encode(header), ...data];
  const size = BigInt(page.length);
  const column = { 1: 1, 2: [0], 3: ["q"], 4: 0, 5: 3n, 6: size, 7: size, 9: 4n };
  const schema = [
    { 4: "s", 5: 1 },
    { 1: 1, 3: 1, 4: "q" },
  ];
  const group = { 1: [{ 2: 4n, 3: column }], 2: size, 3: 3n };
  return file(page, encode({ 1: 1, 2: schema, 3: 3n, 4: [group] }));
}

export const hostileParquet = {
  "a page of 60 million values": levels(60_000_000, 60_000_000),
  "a run of two billion levels in a page of three values": levels(3, 1_073_741_823),
  // A list of lists of lists …, each said to hold 30 million.
  "thirty lists of 30 million each in the footer": file(
    [],
    [0x19, ...Array.from({ length: 30 }, () => [0xf9, ...varint(30_000_000)]).flat()],
  ),
};
