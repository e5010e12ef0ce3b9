package io.moraine.pipeline.sequence;

import java.util.List;

/**
 * A sequence, or the part of one that a run of documents fills.
 *
 * @param sequence index of the sequence
 * @param position of the first token in it
 * @param tokens ids
 * @param segments what the tokens are, by ascending start
 */
public record SequenceChunk(long sequence, int position, int[] tokens, List<Segment> segments) {}
