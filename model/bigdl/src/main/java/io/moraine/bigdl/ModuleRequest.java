package io.moraine.bigdl;

/**
 * A module of tokens that somebody wants.
 *
 * @param vocabularySize of the dataset
 * @param sequenceLength L, of the dataset
 * @param seed of BigDL's random numbers, before the module is made and in passes
 */
public record ModuleRequest(
    ModuleSource source, int vocabularySize, int sequenceLength, long seed) {}
