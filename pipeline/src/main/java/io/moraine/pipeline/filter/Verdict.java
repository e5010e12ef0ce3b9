package io.moraine.pipeline.filter;

/** What a rule set says of a text. */
public sealed interface Verdict permits Kept, Rejection {}
