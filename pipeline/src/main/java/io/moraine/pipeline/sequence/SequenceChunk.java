package io.moraine.pipeline.sequence;

import java.util.List;

/**
 * A sequence, or the part of one that a run of documents fills.
 *
 * @param sequence index of the sequence
 * @param position of the first token in it
 * @param tokens ids
 * @param starts position in the sequence at which each segment begins, ascending; a segment is the
 *     part of one document, its end-of-text included
 * @param documents the segments' documents
 */
public record SequenceChunk(
    long sequence, int position, int[] tokens, List<Integer> starts, List<String> documents) {}
