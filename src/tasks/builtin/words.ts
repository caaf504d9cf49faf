/**
 * The vocabulary of the built-in worlds. The base student's corpus uses the same lists, so that a distilled student
 * meets no unknown word; the worked solutions stay with the teacher.
 */

export const names = [
  "Alice",
  "Bob",
  "Claire",
  "Dave",
  "Eve",
  "Fred",
  "Gertrude",
  "Helena",
  "Izzi",
  "Jamie",
  "Karl",
  "Lola",
  "Melissa",
  "Ophelia",
  "Patrick",
  "Quinn",
  "Rodrigo",
  "Sam",
  "Tamika",
  "Ursula",
  "Victor",
  "Wanda",
  "Xavier",
  "Yolanda",
  "Zoe",
  "Anton",
  "Bella",
  "Carlos",
  "Diana",
  "Emil",
  "Fatima",
  "George",
  "Hana",
  "Ivan",
  "Julia",
  "Kenji",
  "Laura",
  "Marcus",
  "Nadia",
  "Oscar",
  "Priya",
  "Rosa",
  "Stefan",
  "Teresa",
  "Umar",
  "Vera",
  "Walter",
  "Ximena",
  "Yusuf",
  "Zara",
] as const;

export const colors = [
  "red",
  "blue",
  "green",
  "yellow",
  "black",
  "white",
  "orange",
  "purple",
  "pink",
  "brown",
  "silver",
  "golden",
] as const;

/** Things that people hold and swap, by the kind of game. */
export const heldThings = [
  "ball",
  "present",
  "book",
  "hat",
  "scarf",
  "cup",
  "card",
  "kite",
  "lamp",
  "bag",
] as const;

/** Things that are counted in stories, in the plural; the singular drops the final s. */
export const countedThings = [
  "apples",
  "pens",
  "marbles",
  "stamps",
  "cookies",
  "stickers",
  "coins",
  "eggs",
  "tickets",
  "flowers",
  "shells",
  "books",
] as const;

export const months = [
  "January",
  "February",
  "March",
  "April",
  "May",
  "June",
  "July",
  "August",
  "September",
  "October",
  "November",
  "December",
] as const;

export const letters = ["A", "B", "C", "D", "E", "F"] as const;

/** The plural of a held thing; "scarf" is the one that does not just take an s. */
export function plural(thing: string): string {
  return thing === "scarf" ? "scarves" : `${thing}s`;
}
