/**
 * Texts of evaluation sets that stand in a corpus: which runs of words to look for, what a document
 * shares with an item, and what is left of a document without it. Entry: {@link
 * io.moraine.pipeline.decontamination.EvaluationIndex}.
 */
package io.moraine.pipeline.decontamination;
