package io.moraine.pipeline.filter;

/**
 * Why a document is not kept.
 *
 * @param reason the rule's name, stable, in lower case with dashes
 * @param detail measured value and threshold, for people
 */
public record Rejection(String reason, String detail) {}
