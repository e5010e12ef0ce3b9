/**
 * Word spans that stand more than once in a corpus: which windows to compare, which copies are cut,
 * and what explains each cut.
 */
package io.moraine.pipeline.substring;
