/**
 * Text as deduplication sees it: normalisation, words, shingles and their exact Jaccard similarity.
 */
package io.moraine.pipeline.text;
