/**
 * The language of a text, from its n-grams. Entry: {@link
 * io.moraine.pipeline.language.LanguageDetector}. Knows neither Spark nor quality rules.
 */
package io.moraine.pipeline.language;
