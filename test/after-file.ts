/** What helpers shared by several test files opened or made: closed and deleted after each file, not only after the first. */
const cleanUps: (() => Promise<void>)[] = [];

/** Runs `cleanUp` when the tests of the present file are over; the last one registered runs first. */
export function afterFile(cleanUp: () => Promise<void>): void {
  cleanUps.push(cleanUp);
}

export async function cleanUpFile(): Promise<void> {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
}
