/** Word lists of the step splitter: which periods belong to a word, and which words show that a sentence begins. */

/** A period after one of these (lower case, without the period) never ends a sentence. */
export const neverFinal: ReadonlySet<string> = new Set(
  (
    "mr mrs ms mx dr prof st rev hon gen col capt lt sgt maj cmdr gov sen rep pres supt messrs mt " +
    "e.g i.e eg ie vs cf viz approx ca resp incl excl avg"
  ).split(" "),
);

/** As written; a period after one of these ends the sentence only before a word of `sentenceStarters`. */
export const seldomFinal: ReadonlySet<string> = new Set(
  (
    "etc al Inc Ltd Co Corp Bros Jr Sr Ph.D Ave Blvd Rd Dept Univ Est est max temp cu sq " +
    "Jan Feb Mar Apr Jun Jul Aug Sep Sept Oct Nov Dec Mon Tue Tues Wed Thu Thur Thurs Fri Sat Sun"
  ).split(" "),
);

/** Lower case; a period after one of these ends the sentence only before a capital: names do not follow units. */
export const units: ReadonlySet<string> = new Set(
  "a.m p.m am pm ft lb lbs oz yd yds pt pts qt gal hr hrs min mins sec secs wt qty tbsp tsp".split(" "),
);

/** Lower case; a period after one of these does not end the sentence before a number ("Fig. 3", "No. 7"). */
export const beforeNumber: ReadonlySet<string> = new Set(
  "no nos fig figs eq eqs eqn sec ch chap vol pp p pg art thm lem def ex prob ver v nr".split(" "),
);

/** Words that, capitalised, far more often begin a sentence than continue a name. */
export const sentenceStarters: ReadonlySet<string> = new Set(
  (
    "A After All Also Although An And Another As At Because Before Both But By Each Finally First For From Given " +
    "Hence He Her Here His How However I If In Initially It Its Let Lets Multiply Next No Not Now On Once One Or Our " +
    "Second She Since So Some Step Subtract Add Divide Similarly That The Their Then There Therefore These " +
    "They Third This Those Thus To Two Using We What When Where Which While Who Why With Yes You Your"
  ).split(" "),
);

/** Lower case; after one of these a single capital is a label ("option B."), not the initial of a name. */
export const labelWords: ReadonlySet<string> = new Set(
  "option choice answer case point part plan person team group step letter vitamin class grade set box line".split(
    " ",
  ),
);
