package io.moraine.pipeline.filter;

/**
 * The text is kept.
 *
 * @param text as it goes on; rule sets that cut lines change it
 */
public record Kept(String text) implements Verdict {}
