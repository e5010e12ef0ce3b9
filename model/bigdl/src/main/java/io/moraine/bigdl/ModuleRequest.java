package io.moraine.bigdl;

/**
 * A module of tokens that somebody wants.
 *
 * @param vocabularySize of the dataset
 * @param sequenceLength L, of the dataset
 */
public record ModuleRequest(ModuleSource source, int vocabularySize, int sequenceLength) {}
