package io.moraine.bigdl.module;

import com.intel.analytics.bigdl.nn.abstractnn.AbstractModule;
import com.intel.analytics.bigdl.tensor.Tensor;
import io.moraine.model.tensor.Slice;
import io.moraine.model.tensor.TorchFlatBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;
import scala.Tuple2;

/**
 * A module's parameters and gradients, moved into one array each, at which the module's own tensors
 * look from then on: what BigDL's {@code getParameters} does, but with names, and with places that
 * a {@link io.moraine.model.tensor.FlatBuffer} allows. Parameters that layers share have one slice.
 */
final class FlatParameters {

  private final AbstractModule<?, ?, Object> module;
  private final ArrayBuffer values;
  private final ArrayBuffer gradients;

  /** The slice of each of the module's parameters, in its order. */
  private final List<Slice> places;

  /** The module's gradients as they were moved, or what layers put in their place since. */
  private final Tensor<Object>[] strays;

  private FlatParameters(
      AbstractModule<?, ?, Object> module,
      ArrayBuffer values,
      ArrayBuffer gradients,
      List<Slice> places) {
    this.module = module;
    this.values = values;
    this.gradients = gradients;
    this.places = places;
    this.strays = module.parameters()._2().clone();
  }

  ArrayBuffer values() {
    return values;
  }

  ArrayBuffer gradients() {
    return gradients;
  }

  /**
   * Adds what a backward pass has left elsewhere. Some layers put a new tensor in the place of
   * their gradient instead of adding to it (BigDL's {@code LayerNormalization}, whose gains its own
   * {@code Optimizer} never trains): it holds the gradient of the last pass alone.
   *
   * @throws IllegalStateException if a layer has its weights elsewhere now, or adds to gradients
   *     that are elsewhere
   */
  void gather() {
    Tuple2<Tensor<Object>[], Tensor<Object>[]> now = module.parameters();
    for (int i = 0; i < places.size(); i++) {
      requireInPlace(now._1()[i], i);
      Tensor<Object> gradient = now._2()[i];
      if (!gradients.has(gradient, places.get(i))) {
        requireOfThisPass(gradient, i);
        gradients.add(gradient.contiguous(), places.get(i));
        strays[i] = gradient;
      }
    }
  }

  private void requireInPlace(Tensor<Object> weights, int parameter) {
    if (!values.has(weights, places.get(parameter))) {
      throw new IllegalStateException(
          "a layer of %s has put other weights in the place of %s: they would not be the trained ones"
              .formatted(module.getName(), places.get(parameter)));
    }
  }

  private void requireOfThisPass(Tensor<Object> gradient, int parameter) {
    if (gradient == strays[parameter]) {
      throw new IllegalStateException(
          "a layer of %s adds gradients of %s to a tensor of its own: they cannot be told from those of the pass before"
              .formatted(module.getName(), places.get(parameter)));
    }
  }

  /**
   * Moves them. Slices are in the module's order, {@code parameters.0} and so on, without leading
   * dimensions of one element.
   *
   * @throws IllegalArgumentException if the module has no parameters, or keeps more than these from
   *     step to step
   */
  static FlatParameters of(AbstractModule<?, ?, Object> module) {
    Tensor<Object>[] tensors = tensors(module)._1();
    int[] firsts = firsts(tensors);
    List<String> names = Arrays.stream(firsts).mapToObj(first -> "parameters." + first).toList();
    List<Slice> slices = new ArrayList<>();
    long next = 0;
    for (int i = 0; i < tensors.length; i++) {
      if (firsts[i] == i) {
        Slice slice = new Slice(names.get(i), next, squeezed(shape(tensors[i])));
        slices.add(slice);
        next = TorchFlatBuffer.aligned(next + slice.length());
      }
    }
    return of(module, slices, names);
  }

  /**
   * Moves them to given places.
   *
   * @param slices where the parameters get their places
   * @param names of the slice for each of the module's parameters, in its order
   */
  static FlatParameters of(
      AbstractModule<?, ?, Object> module, List<Slice> slices, List<String> names) {
    Tuple2<Tensor<Object>[], Tensor<Object>[]> tensors = tensors(module);
    Map<String, Slice> places = new HashMap<>();
    slices.forEach(slice -> places.put(slice.name(), slice));
    ArrayBuffer values = new ArrayBuffer(slices);
    ArrayBuffer gradients = new ArrayBuffer(slices);
    for (int i = 0; i < names.size(); i++) {
      Slice slice = places.get(names.get(i));
      requireShape(tensors._1()[i], slice);
      int[] gradientSize = gradientSize(tensors, i);
      values.adopt(tensors._1()[i], slice);
      gradients.look(tensors._2()[i], slice, gradientSize);
    }
    FlatParameters flat =
        new FlatParameters(module, values, gradients, names.stream().map(places::get).toList());
    flat.requireMoved();
    return flat;
  }

  /** That of the weights if it has none yet: {@code Linear} makes room in its first pass. */
  private static int[] gradientSize(
      Tuple2<Tensor<Object>[], Tensor<Object>[]> tensors, int parameter) {
    int[] weights = tensors._1()[parameter].size();
    Tensor<Object> gradient = tensors._2()[parameter];
    if (gradient.nElement() == 0) {
      return weights.clone();
    }
    if (gradient.nElement() != tensors._1()[parameter].nElement()) {
      throw new IllegalArgumentException(
          "parameter %d has the shape %s and its gradient %s"
              .formatted(parameter, Arrays.toString(weights), Arrays.toString(gradient.size())));
    }
    return gradient.size().clone();
  }

  private void requireMoved() {
    Tuple2<Tensor<Object>[], Tensor<Object>[]> now = module.parameters();
    for (int i = 0; i < places.size(); i++) {
      if (!values.has(now._1()[i], places.get(i)) || !gradients.has(now._2()[i], places.get(i))) {
        throw new IllegalArgumentException(
            "parameters() of %s must give the tensors that it computes with, the same ones each time, and to each parameter a gradient of its own: %s cannot be moved"
                .formatted(module.getName(), places.get(i)));
      }
    }
  }

  private static Tuple2<Tensor<Object>[], Tensor<Object>[]> tensors(
      AbstractModule<?, ?, Object> module) {
    Tuple2<Tensor<Object>[], Tensor<Object>[]> tensors = module.parameters();
    if (tensors == null || tensors._1().length == 0) {
      throw new IllegalArgumentException(
          "%s has no parameters to train".formatted(module.getName()));
    }
    requireGradients(module, tensors);
    Tensor<Object>[] more = module.getExtraParameter();
    if (more != null && more.length > 0) {
      throw new IllegalArgumentException(
          "%s keeps %d tensors from step to step that are no parameters (as batch normalization's running means). Ranks and checkpoints have parameters alone: use layers without such state."
              .formatted(module.getName(), more.length));
    }
    return tensors;
  }

  private static void requireGradients(
      AbstractModule<?, ?, Object> module, Tuple2<Tensor<Object>[], Tensor<Object>[]> tensors) {
    boolean areWhole =
        tensors._2() != null
            && tensors._2().length == tensors._1().length
            && Stream.of(tensors._1(), tensors._2())
                .flatMap(Arrays::stream)
                .allMatch(Objects::nonNull);
    if (!areWhole) {
      throw new IllegalArgumentException(
          "parameters() of %s must give a gradient for each parameter".formatted(module.getName()));
    }
  }

  /**
   * For each tensor the index of the first one that is the same place.
   *
   * @throws IllegalArgumentException if two overlap otherwise
   */
  private static int[] firsts(Tensor<Object>[] tensors) {
    int[] firsts = new int[tensors.length];
    for (int i = 0; i < tensors.length; i++) {
      firsts[i] = i;
      for (int j = 0; j < i && firsts[i] == i; j++) {
        if (overlap(tensors[i], tensors[j])) {
          requireSame(tensors, i, j);
          firsts[i] = j;
        }
      }
    }
    return firsts;
  }

  private static boolean overlap(Tensor<Object> a, Tensor<Object> b) {
    return FloatTensors.array(a) == FloatTensors.array(b)
        && FloatTensors.offset(a) < FloatTensors.offset(b) + b.nElement()
        && FloatTensors.offset(b) < FloatTensors.offset(a) + a.nElement();
  }

  private static void requireSame(Tensor<Object>[] tensors, int i, int j) {
    if (FloatTensors.offset(tensors[i]) != FloatTensors.offset(tensors[j])
        || !Arrays.equals(tensors[i].size(), tensors[j].size())
        || !Arrays.equals(tensors[i].stride(), tensors[j].stride())) {
      throw new IllegalArgumentException(
          "parameters %d and %d share a part of their values, or all of them in another order: only the whole can be shared as it is"
              .formatted(j, i));
    }
  }

  private static void requireShape(Tensor<Object> tensor, Slice slice) {
    if (!squeezed(shape(tensor)).equals(squeezed(slice.shape()))) {
      throw new IllegalArgumentException(
          "%s must be a tensor of %s, got %s".formatted(slice, slice.shape(), shape(tensor)));
    }
  }

  private static List<Long> shape(Tensor<Object> tensor) {
    return Arrays.stream(tensor.size()).mapToObj(Long::valueOf).toList();
  }

  /**
   * Without leading dimensions of one element: a gain of BigDL's layer normalisation is (1, 1, D),
   * which is no matrix.
   */
  private static List<Long> squeezed(List<Long> shape) {
    int from = 0;
    while (from < shape.size() - 1 && shape.get(from) == 1) {
      from++;
    }
    return shape.subList(from, shape.size());
  }
}
