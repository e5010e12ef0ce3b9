/**
 * The whole model: {@link io.moraine.model.transformer.ModelConfig} says what it is, {@link
 * io.moraine.model.transformer.Transformer} computes it, {@link
 * io.moraine.model.transformer.Decoder} reads one text piece by piece.
 */
package io.moraine.model.transformer;
