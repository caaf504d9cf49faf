/** Choice letters in free text: "(B)", "B.", "the answer is B", but no article, pronoun, initial or variable. */

/** How far the rules look around a letter; keeps every decision constant-time. */
const window = 32;

/** What stands right before a letter that is surely meant as a choice. */
const strongCue =
  /(?:\b(?:answer|option|choice|choose|select|pick)(?:\s+(?:is|was|would be|should be))?|[:=>])[\s"'“*([{$]*$/i;
const weakCue = /\b(?:is|are|be|was|namely|therefore|so|or|and|either)[,:\s"'“*([{$]*$/i;
/** What may stand between the answer's mark and a choice that opens the answer. */
const beforeAnswer = /^[\s"'“‘*_`([{$]*$/;
/** Words that do not follow the article "A". */
const afterLetterA =
  /^(?:is|was|are|has|had|because|since|as|and|or|would|will|can|must|should|gives|says)\b/;
const sentenceOpening = /(?:^|[.:!?\n"“])[\s"'“*]*$/;
/** Capitalised words that follow a choice ("B. Then we"), where a surname would make the letter an initial. */
const sentenceStart =
  /^(?:The|This|That|These|Those|Then|Therefore|Thus|So|Hence|It|He|She|They|We|I|You|In|If|As|At|And|But|Because|Since|Now|Next|Finally|First|However|Answer|Option|Which|What|All|None|To|For|After|Before|When|There|Let|A|An|No|Yes)\b/;

/**
 * The choices among A … `last` in order of appearance. A letter counts if it stands alone or in parentheses; not if it
 * is part of a word, an article ("A dog"), the pronoun I, an initial ("A. Smith", "John B. Good") or the left side of a
 * formula ("A = 3").
 * @param isAnswer the text is an answer, no running text: a letter that opens it as a label is no initial ("B. Bank")
 */
export function letterCandidates(text: string, last: string, isAnswer: boolean): string[] {
  const candidates: string[] = [];
  for (const match of text.matchAll(/[A-J]/g)) {
    if (match[0] > last) continue;
    if ((isAnswer && opensAnswer(text, match.index)) || isChoice(text, match.index))
      candidates.push(match[0]);
  }
  return candidates;
}

/** Whether the letter is the label that an answer begins with: "B. Bank", "(B) Bank", "**B:** Bank". */
function opensAnswer(text: string, index: number): boolean {
  if (index > window || !beforeAnswer.test(text.slice(0, index))) return false;
  return /^(?:[):]|\.(?:[\s*_]|$))/.test(text.slice(index + 1, index + 3));
}

function isChoice(text: string, index: number): boolean {
  const letter = text[index] as string;
  const before = text.slice(Math.max(0, index - window), index);
  const after = text.slice(index + 1, index + 1 + window);
  if (/\{$/.test(before) && after.startsWith("}")) return true;
  if (/[([]$/.test(before) && /^[)\]]/.test(after)) return !/[\p{L}\p{N}][([]$/u.test(before);
  // A quotation mark may stand before a choice, and one after it that closes it; an apostrophe ("D's") or a prime ("A' = 5") may not.
  if (/(?:[\p{L}\p{N}_°&.-]|[\p{L}\p{N}]['’])$/u.test(before)) return false;
  if (/^[\p{L}\p{N}_°&+#-]/u.test(after)) return false;
  if (/^['’]/.test(after) && (!/['‘’]$/.test(before) || /^.[\p{L}\p{N}]/u.test(after))) return false;
  const strong = strongCue.test(before) || before.trim() === "" || /-->\s*$/.test(before);
  if (letter === "I") return isChoiceI(before, after);
  if (/^\s*[=+×÷<^]/.test(after)) return strongCue.test(before) && !/^\s*=/.test(after);
  if (letter === "A" && /^\s+\p{Ll}/u.test(after) && sentenceOpening.test(before))
    return afterLetterA.test(after.trimStart());
  if (/^\.\p{L}/u.test(after)) return false;
  return !isInitial(before, after, strong);
}

function isChoiceI(before: string, after: string): boolean {
  return (
    (strongCue.test(before) || weakCue.test(before) || before.trim() === "") &&
    /^[\s"'*]*(?:[.,)\]!?;]|$)/.test(after)
  );
}

/** Whether a lone capital is part of a name. `strong`: the words before it announce a choice. */
function isInitial(before: string, after: string, strong: boolean): boolean {
  if (/\b(?:Mr|Mrs|Ms|Dr|Prof)\.?\s+$/.test(before)) return true;
  const followed = /^\.[ \t]+(\p{L}.*)/su.exec(after)?.[1];
  if (followed === undefined || sentenceStart.test(followed)) return false;
  const previous = /(\S+)\s+$/.exec(before)?.[1] ?? "";
  if (strong && previous !== "") return false;
  // "A. Smith", but " B. red ball" and, after a name, "Sarah B. has".
  if (/^\p{Lu}/u.test(followed)) return true;
  return /^\p{Lu}\p{Ll}/u.test(previous) && !/[.,:;!?]$/.test(previous);
}
