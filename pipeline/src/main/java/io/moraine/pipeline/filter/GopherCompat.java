package io.moraine.pipeline.filter;

/** Whose reading of the Gopher rules applies where published implementations differ. */
public enum GopherCompat {
  /**
   * Treebank words; n-grams count overlapping occurrences with their joining spaces, duplicate
   * n-grams all but their first occurrence; stop words count once each.
   */
  DATATROVE,
  /**
   * Words without punctuation, characters of words alone; all occurrences of a duplicate count,
   * every character once; stop words count each time.
   */
  DCLM
}
