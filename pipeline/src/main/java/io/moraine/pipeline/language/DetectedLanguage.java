package io.moraine.pipeline.language;

/**
 * What language a text is in.
 *
 * @param code ISO 639-1 where the language has such a code, else ISO 639-3; {@code und} if the text
 *     does not tell
 * @param confidence in [0, 1], about the share of right answers among those with this value, less
 *     than that for fewer than 40 characters; 0 for {@code und}
 */
public record DetectedLanguage(String code, double confidence) {

  public static final DetectedLanguage UNDETERMINED = new DetectedLanguage("und", 0);
}
