package io.moraine.bigdl.module;

import com.intel.analytics.bigdl.nn.ClassNLLCriterion;
import com.intel.analytics.bigdl.nn.abstractnn.AbstractCriterion;
import com.intel.analytics.bigdl.nn.abstractnn.AbstractModule;
import com.intel.analytics.bigdl.utils.RandomGenerator$;
import io.moraine.bigdl.BigDlModule;
import io.moraine.bigdl.ModuleRequest;
import io.moraine.bigdl.ModuleSource;
import io.moraine.bigdl.ModuleSource.Criterion;
import io.moraine.bigdl.ModuleSource.Rows;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Objects;
import java.util.concurrent.Callable;
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
    try {
      BigDlModel model = model(request);
      new ModuleTrial(model, request).run();
      return model;
    } catch (LinkageError e) {
      throw new IllegalArgumentException(
          "%s cannot be used beside BigDL 0.13: %s. It must be compiled against that and Scala 2.11, and all that it needs must be in jars beside BigDL's"
              .formatted(name(request.source()), Causes.innermost(e)),
          e);
    }
  }

  private static String name(ModuleSource source) {
    return source instanceof ModuleSource.Saved saved
        ? saved.name()
        : ((ModuleSource.Made) source).factory();
  }

  private static BigDlModel model(ModuleRequest request) {
    if (request.source() instanceof ModuleSource.Saved saved) {
      return saved(saved, request.seed());
    }
    String name = name(request.source());
    ModuleFactory factory = factory(name);
    RandomGenerator$.MODULE$.RNG().setSeed(request.seed());
    AbstractModule<?, ?, Object> module =
        asked(
            name,
            "module",
            () -> factory.module(request.vocabularySize(), request.sequenceLength()));
    return new BigDlModel(
        module,
        asked(name, "criterion", factory::criterion),
        asked(name, "activities", factory::activities),
        request.seed());
  }

  /** What a user's class gives. */
  private static <T> T asked(String factory, String what, Callable<T> made) {
    try {
      return Objects.requireNonNull(made.call(), "null");
    } catch (Exception e) { // Scala throws checked ones that it does not declare
      throw new IllegalArgumentException(
          "%s gives no %s: %s".formatted(factory, what, Causes.innermost(e)), e);
    }
  }

  private static BigDlModel saved(ModuleSource.Saved saved, long seed) {
    try {
      return new BigDlModel(
          ModuleFormat.read(saved), criterion(saved.criterion()), activities(saved.rows()), seed);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static AbstractCriterion<?, ?, Object> criterion(Criterion criterion) {
    return switch (criterion) {
      case CROSS_ENTROPY -> Layers.crossEntropy();
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
              .formatted(name, Causes.innermost(e)),
          e);
    }
  }
}
