package io.moraine.bigdl.module;

import com.intel.analytics.bigdl.nn.ClassNLLCriterion;
import com.intel.analytics.bigdl.nn.CrossEntropyCriterion;
import com.intel.analytics.bigdl.nn.abstractnn.AbstractCriterion;
import com.intel.analytics.bigdl.utils.RandomGenerator$;
import io.moraine.bigdl.BigDlModule;
import io.moraine.bigdl.ModuleRequest;
import io.moraine.bigdl.ModuleSource;
import io.moraine.bigdl.ModuleSource.Criterion;
import io.moraine.bigdl.ModuleSource.Rows;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.function.Function;

/** Modules out of files and of classes that are written against BigDL. */
public final class Modules implements Function<ModuleRequest, BigDlModule> {

  /** For {@code BigDl}. */
  public Modules() {}

  /**
   * One module, which has been tried on a few tokens.
   *
   * @throws IllegalArgumentException if it cannot be trained
   */
  @Override
  public BigDlModule apply(ModuleRequest request) {
    BigDlModel model = model(request);
    new ModuleTrial(model, request).run();
    return model;
  }

  private static BigDlModel model(ModuleRequest request) {
    if (request.source() instanceof ModuleSource.Saved saved) {
      return saved(saved);
    }
    ModuleSource.Made made = (ModuleSource.Made) request.source();
    ModuleFactory factory = factory(made.factory());
    RandomGenerator$.MODULE$.RNG().setSeed(made.seed());
    return new BigDlModel(
        factory.module(request.vocabularySize(), request.sequenceLength()),
        factory.criterion(),
        factory.activities());
  }

  private static BigDlModel saved(ModuleSource.Saved saved) {
    try {
      return new BigDlModel(
          ModuleFormat.read(saved), criterion(saved.criterion()), activities(saved.rows()));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static AbstractCriterion<?, ?, Object> criterion(Criterion criterion) {
    return switch (criterion) {
      case CROSS_ENTROPY ->
          new CrossEntropyCriterion<>(null, true, FloatTensors.TAG, FloatTensors.NUMERIC);
      case CLASS_NLL ->
          new ClassNLLCriterion<>(
              null,
              true,
              true,
              ClassNLLCriterion.$lessinit$greater$default$4(),
              FloatTensors.TAG,
              FloatTensors.NUMERIC);
    };
  }

  private static BatchActivities activities(Rows rows) {
    return switch (rows) {
      case NEXT -> BatchActivities.nextToken();
      case OWN -> BatchActivities.ownToken();
    };
  }

  private static ModuleFactory factory(String name) {
    try {
      return Class.forName(name).asSubclass(ModuleFactory.class).getConstructor().newInstance();
    } catch (ReflectiveOperationException | LinkageError | ClassCastException e) {
      throw new IllegalArgumentException(
          "%s is no ModuleFactory that can be made: %s. It must be a public class with a public constructor without parameters, in a jar beside BigDL's"
              .formatted(name, e),
          e);
    }
  }
}
