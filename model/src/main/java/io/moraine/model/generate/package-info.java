/** Text from a trained model: {@link io.moraine.model.generate.Generator}. */
package io.moraine.model.generate;
