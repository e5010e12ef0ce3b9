/**
 * The whole model: {@link io.moraine.model.transformer.ModelConfig} says what it is, {@link
 * io.moraine.model.transformer.Transformer} computes it.
 */
package io.moraine.model.transformer;
