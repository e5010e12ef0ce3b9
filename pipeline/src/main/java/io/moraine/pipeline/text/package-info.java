/**
 * Text as deduplication sees it: normalisation, words and their places, shingles and their exact
 * Jaccard similarity.
 */
package io.moraine.pipeline.text;
