/**
 * How the gradients of a step reach their owners: {@link
 * io.moraine.model.reduction.GradientReduction}. Uses {@code collective} and {@code tensor}.
 */
package io.moraine.model.reduction;
