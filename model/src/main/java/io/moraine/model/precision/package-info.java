/**
 * How matrix products are computed: {@link io.moraine.model.precision.Precision} is the choice,
 * {@link io.moraine.model.precision.Products} makes a model's {@link
 * io.moraine.model.precision.Linear} layers. Uses {@code tensor} alone.
 */
package io.moraine.model.precision;
