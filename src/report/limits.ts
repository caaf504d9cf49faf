/**
 * How much a report shows. A page is for reading: past these sizes it says what was cut and the run folder has the
 * rest. They also bound the file when a student wrote endless text or a data set holds very long questions.
 */

/** Training rationales in their browser. */
export const maxRationales = 60;
/** Held-out problems in their browser: enough to read for an hour, small enough to open at once. */
export const maxProblems = 300;
/** Samples of a teacher in their browser. */
export const maxTeacherSamples = 400;
/** Methods in tables, charts and browsers; the palette tells about sixteen apart. */
export const maxMethods = 16;
/** Steps of one rationale, and chunks of one rationale. */
export const maxSteps = 60;
/** Characters of one step, chunk, question or output; the middle is cut, so that the answer at the end stays. */
export const maxTextCharacters = 4_000;
/** Characters of names, ids, answers, reasons and table cells. */
export const maxLabelCharacters = 120;
/** Characters of the texts of one browser together; the items beyond are left out. */
export const maxBrowserCharacters = 2_000_000;
/** Points of one loss curve; longer curves are averaged in equal groups. */
export const maxCurvePoints = 160;
/** Rows of the comparison table and of the chunk search history. */
export const maxTableRows = 80;
/** Notes and version entries. */
export const maxNotes = 40;
