/**
 * The language model of {@code io.moraine.model.transformer} in BigDL's layers: the same weights in
 * the same places, the same losses and gradients, by an implementation of its own. Inside BigDL's
 * class loader; {@link io.moraine.bigdl.transformer.Transformers} makes models.
 */
package io.moraine.bigdl.transformer;
