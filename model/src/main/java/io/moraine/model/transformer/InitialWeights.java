package io.moraine.model.transformer;

import io.moraine.model.tensor.FlatBuffer;
import io.moraine.model.tensor.Slice;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.stream.Collectors;

/**
 * Weights before training: matrices normal with the configured standard deviation, norms one. The
 * same bits for the same seed and configuration on every machine, whoever computes the model.
 */
public final class InitialWeights {

  private InitialWeights() {}

  /**
   * Puts them into the slices of a model's parameters, which may be a part of all.
   *
   * @param parameters with slices as {@link ModelConfig#weights()} names them
   */
  public static void put(ModelConfig config, long seed, FlatBuffer parameters) {
    Map<String, Slice> places =
        parameters.slices().stream().collect(Collectors.toMap(Slice::name, slice -> slice));
    SplittableRandom random = new SplittableRandom(seed);
    for (Slice slice : config.weights()) {
      SplittableRandom own = random.split();
      if (places.containsKey(slice.name())) {
        put(places.get(slice.name()), own, config.initStd(), parameters);
      }
    }
  }

  private static void put(Slice slice, SplittableRandom random, double std, FlatBuffer parameters) {
    boolean norm = slice.shape().size() == 1;
    float[] values = new float[Math.toIntExact(slice.length())];
    for (int i = 0; i < values.length; i++) {
      values[i] = norm ? 1 : (float) (std * random.nextGaussian());
    }
    parameters.put(slice.offsetElements(), values, 0, values.length);
  }
}
