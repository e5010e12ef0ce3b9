/**
 * How matrix products are computed: {@link io.moraine.model.precision.Precision} is the choice,
 * {@link io.moraine.model.precision.Products} makes a model's {@link
 * io.moraine.model.precision.Linear} layers. May use no other package of this module.
 */
package io.moraine.model.precision;
