/** TEST FIXTURE: rationales as token ids of the tiny student's vocabulary (37). */
import type { EncodedRationale } from "../../src/method/items/encode.ts";
import type { Markers } from "../../src/method/items/markers.ts";

export const markers: Markers = {
  stages: [30, 31],
  answer: 32,
  endOfChunk: 33,
  label: [34],
  rationale: [35],
};

export function encoded(rationaleId: string, steps: number[][], answer = [8, 0]): EncodedRationale {
  return { rationaleId, question: [1, 2, 3], steps, arrow: [9], answer };
}
