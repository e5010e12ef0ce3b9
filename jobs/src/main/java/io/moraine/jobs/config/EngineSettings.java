package io.moraine.jobs.config;

import io.moraine.bigdl.ModuleSource;
import io.moraine.model.tensor.DeviceChoice;
import java.util.Map;
import java.util.TreeMap;

/**
 * Who computes the model.
 *
 * @param name libtorch, or BigDL
 * @param mklThreads of BigDL's MKL on a rank; at least 1
 * @param device of libtorch's tensors
 * @param batches where batches are when the model gets them
 * @param bigDl which model BigDL computes
 */
public record EngineSettings(
    Name name, int mklThreads, DeviceChoice device, Batches batches, BigDlChoice bigDl) {

  /** Whose layers they are. */
  public enum Name {
    TORCH,
    BIGDL
  }

  /** Where batches come from. */
  public enum Batches {
    /** Host memory. */
    HOST,
    /** The GPU's, from RAPIDS's tables. */
    DEVICE
  }

  public EngineSettings {
    if (batches == Batches.DEVICE && (name == Name.BIGDL || device == DeviceChoice.CPU)) {
      throw new IllegalArgumentException("batches = device needs name = torch and device = cuda");
    }
    if (mklThreads < 1) {
      throw new IllegalArgumentException(
          "mkl-threads must be at least 1, got %d".formatted(mklThreads));
    }
    if (name == Name.TORCH && !bigDl.isConfigured()) {
      throw new IllegalArgumentException(
          "bigdl.model = %s needs name = bigdl".formatted(Section.written(bigDl.kind())));
    }
  }

  /** Whether batches are read in the GPU's memory. */
  public boolean hasDeviceBatches() {
    return batches == Batches.DEVICE;
  }

  /** Whether it is BigDL. */
  public boolean isBigDl() {
    return name == Name.BIGDL;
  }

  /**
   * Which model BigDL computes.
   *
   * @param kind whose it is
   * @param file that BigDL saved a module to; empty if the kind is another one
   * @param criterion of a file's module
   * @param rows what the rows of a file's module are of
   * @param factory name of a class that makes a module; empty if the kind is another one
   */
  public record BigDlChoice(
      Kind kind,
      String file,
      ModuleSource.Criterion criterion,
      ModuleSource.Rows rows,
      String factory) {

    /** Whose model it is. */
    public enum Kind {
      /** That of the section {@code model}, which libtorch computes too. */
      CONFIGURED,
      /** BigDL's own, of that section's sizes. */
      TRANSFORMER,
      /** A user's, in BigDL's format. */
      FILE,
      /** A user's, made by a class. */
      CLASS
    }

    public BigDlChoice {
      requireWith(Kind.FILE, kind, "file", file);
      requireWith(Kind.CLASS, kind, "class", factory);
    }

    private static void requireWith(Kind needing, Kind kind, String key, String value) {
      if ((kind == needing) == value.isEmpty()) {
        throw new IllegalArgumentException(
            kind == needing
                ? "model = %s needs %s".formatted(Section.written(needing), key)
                : "%s = %s has no effect with model = %s, it needs model = %s"
                    .formatted(key, value, Section.written(kind), Section.written(needing)));
      }
    }

    /** Whether it is the model of the settings, whoever computes it. */
    public boolean isConfigured() {
      return kind == Kind.CONFIGURED;
    }

    /** Whose it is, by key path. */
    public Map<String, Object> kindAsSetting() {
      return Map.of("train.engine.bigdl.model", Section.written(kind));
    }

    /** What makes it this model, by key path. */
    public Map<String, Object> asSettings() {
      Map<String, Object> settings = new TreeMap<>(kindAsSetting());
      if (kind == Kind.FILE) {
        settings.put("train.engine.bigdl.file", file);
        settings.put("train.engine.bigdl.criterion", Section.written(criterion));
        settings.put("train.engine.bigdl.rows", Section.written(rows));
      }
      if (kind == Kind.CLASS) {
        settings.put("train.engine.bigdl.class", factory);
      }
      return settings;
    }

    /** Whether a user brings it, and the section {@code model} says nothing of it. */
    public boolean isUsers() {
      return kind == Kind.FILE || kind == Kind.CLASS;
    }
  }
}
