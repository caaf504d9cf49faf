/** Words of the corpus beyond the built-in worlds: places, containers, everyday nouns, verbs and pseudo-words. */
import type { RandomStream } from "../../util/random.ts";

export const rooms = [
  "kitchen",
  "garden",
  "office",
  "bathroom",
  "bedroom",
  "hallway",
  "cellar",
  "attic",
  "garage",
  "library",
  "school",
  "park",
  "market",
  "station",
  "museum",
  "theater",
  "bakery",
  "harbor",
  "tower",
  "barn",
] as const;

export const containers = [
  "box",
  "basket",
  "drawer",
  "bucket",
  "jar",
  "chest",
  "suitcase",
  "crate",
  "bowl",
  "pocket",
  "cupboard",
  "sack",
] as const;

export const smallThings = [
  "key",
  "coin",
  "pencil",
  "ring",
  "spoon",
  "button",
  "letter",
  "stone",
  "shell",
  "watch",
  "map",
  "candle",
  "rope",
  "apple",
  "feather",
  "whistle",
  "brush",
  "bottle",
  "marble",
  "ticket",
  "glove",
  "photo",
  "bell",
  "knife",
] as const;

export const cities = [
  "Paris",
  "London",
  "Rome",
  "Cairo",
  "Tokyo",
  "Lima",
  "Oslo",
  "Madrid",
  "Berlin",
  "Delhi",
  "Boston",
  "Dublin",
  "Athens",
  "Vienna",
  "Sydney",
  "Prague",
  "Lisbon",
  "Nairobi",
  "Seoul",
  "Toronto",
] as const;

export const fruits = [
  "apples",
  "pears",
  "plums",
  "grapes",
  "cherries",
  "lemons",
  "oranges",
  "peaches",
  "bananas",
  "melons",
] as const;

export const animals = [
  "dog",
  "cat",
  "horse",
  "cow",
  "bird",
  "fish",
  "rabbit",
  "goat",
  "sheep",
  "duck",
  "mouse",
  "fox",
  "bear",
  "lion",
  "wolf",
  "frog",
  "owl",
  "turtle",
] as const;

export const jobs = [
  "doctor",
  "teacher",
  "farmer",
  "baker",
  "painter",
  "driver",
  "singer",
  "nurse",
  "pilot",
  "cook",
  "writer",
  "builder",
  "sailor",
  "student",
] as const;

export const adjectives = [
  "small",
  "large",
  "old",
  "new",
  "round",
  "heavy",
  "light",
  "long",
  "short",
  "bright",
  "dark",
  "quiet",
  "warm",
  "cold",
  "clean",
  "soft",
  "strong",
  "simple",
  "empty",
  "full",
  "pretty",
  "broken",
  "sharp",
  "wet",
  "dry",
  "young",
] as const;

export const weather = [
  "It was a warm day.",
  "It was raining outside.",
  "The sun was shining.",
  "The wind was cold that morning.",
  "There were clouds in the sky.",
  "It had snowed during the night.",
  "The evening was quiet.",
  "It was almost noon.",
] as const;

/** Sentences that change nothing; put between a fact and its use to lengthen the way back to the fact. */
export const asides = [
  ...weather,
  "Everyone was in a good mood.",
  "They had known each other for years.",
  "Nobody was in a hurry.",
  "A bird was singing in the garden.",
  "The room was full of people.",
  "Somebody opened a window.",
  "The music was not too loud.",
  "Dinner would be ready soon.",
  "A dog was sleeping under the table.",
  "They laughed a lot.",
] as const;

/** Plain words for random sequences. */
export const plainWords = [
  ...rooms,
  ...containers,
  ...smallThings,
  ...animals,
  ...jobs,
  ...adjectives,
  "water",
  "house",
  "tree",
  "river",
  "road",
  "bread",
  "milk",
  "chair",
  "table",
  "door",
  "window",
  "wall",
  "floor",
  "street",
  "field",
  "hill",
  "bridge",
  "boat",
  "train",
  "wheel",
  "paper",
  "story",
  "song",
  "game",
  "day",
  "night",
  "winter",
  "summer",
  "hand",
  "foot",
  "head",
  "eye",
  "heart",
  "voice",
  "friend",
  "mother",
  "father",
  "child",
  "first",
  "second",
  "third",
  "last",
  "next",
  "before",
  "after",
  "under",
  "over",
  "between",
  "again",
  "never",
  "always",
  "often",
  "here",
  "there",
  "with",
  "from",
  "into",
  "about",
  "because",
  "every",
  "other",
  "many",
] as const;

const vowels = "aeiou";
const consonants = "bcdfghjklmnpqrstvwxyz";

/** A made-up word of 2 to 9 letters: mostly speakable, sometimes letters at random, so that any letter can end it. */
export function pseudoWord(random: RandomStream): string {
  const length = random.between(2, 9);
  let word = "";
  if (random.next() < 0.25) {
    for (let i = 0; i < length; i++) word += String.fromCharCode(97 + random.below(26));
    return word;
  }
  let vowelNext = random.next() < 0.35;
  for (let i = 0; i < length; i++) {
    word += random.pick([...(vowelNext ? vowels : consonants)]);
    vowelNext = random.next() < (vowelNext ? 0.15 : 0.85);
  }
  // Rare final letters (i, u, v, q, j, ...) are asked for as often as common ones.
  if (random.next() < 0.3) word = word.slice(0, -1) + String.fromCharCode(97 + random.below(26));
  return word;
}
