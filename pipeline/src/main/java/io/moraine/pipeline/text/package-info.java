/**
 * Text as cleaning and deduplication see it: normalisation, lines, sentences, words and their
 * places, shingles and their exact Jaccard similarity.
 */
package io.moraine.pipeline.text;
