package io.moraine.jobs.batch;

import io.moraine.jobs.config.ConfigException;
import java.io.Serializable;
import java.lang.reflect.InvocationTargetException;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashSet;
import java.util.Set;
import org.apache.spark.Dependency;
import org.apache.spark.rdd.RDD;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import scala.jdk.CollectionConverters;

/**
 * The tables of RAPIDS: a Dataset's batches in the GPU's memory, without a way through rows. RAPIDS
 * takes that way in silence where a plan does not end in one of its operators; here that is an
 * error.
 */
public final class ColumnarTables {

  /** Of RAPIDS; its classes are on nobody's class path but that of a Spark with the plugin. */
  private static final String COLUMNAR_RDD = "com.nvidia.spark.rapids.ColumnarRdd";

  /** Of this build, if it is one for GPUs. */
  private static final String ADAPTER = "io.moraine.jobs.batch.CudfTables";

  /** Spark's, around a plan that gives rows. */
  private static final String ROWS = "SQLExecutionRDD";

  private static final String ADAPTIVE = "spark.sql.adaptive.enabled";

  private ColumnarTables() {}

  /** Makes a {@link DeviceTable} of RAPIDS's own. */
  public interface Adapter extends Serializable {

    /** The table, whose writing is done; the caller closes it. */
    DeviceTable of(Object table);
  }

  /**
   * The tables of a Dataset, one RDD element each, with its partitions.
   *
   * @throws ConfigException if RAPIDS is not there, or has no columns to give
   */
  public static RDD<Object> of(SparkSession spark, Dataset<Row> rows) {
    requirePlugin(spark);
    String before = spark.conf().get(ADAPTIVE);
    spark.conf().set(ADAPTIVE, "false"); // the number of partitions is that of the ranks
    try {
      RDD<Object> tables = convert(rows);
      requireColumns(tables);
      return tables;
    } finally {
      spark.conf().set(ADAPTIVE, before);
    }
  }

  /**
   * The adapter of this build.
   *
   * @throws ConfigException if it has none
   */
  public static Adapter adapter() {
    try {
      return Class.forName(ADAPTER).asSubclass(Adapter.class).getConstructor().newInstance();
    } catch (ReflectiveOperationException e) {
      throw new ConfigException(
          "train.engine.batches = device needs a build for GPUs (mvn -Pgpu), and this is none. Set it to host.",
          e);
    }
  }

  private static void requirePlugin(SparkSession spark) {
    String plugins = spark.sparkContext().getConf().get("spark.plugins", "");
    if (!plugins.contains("com.nvidia.spark.SQLPlugin")) {
      throw new ConfigException(
          "train.engine.batches = device needs spark.plugins=com.nvidia.spark.SQLPlugin, got '%s'. See conf/spark-defaults-gpu.conf, or set it to host."
              .formatted(plugins));
    }
  }

  @SuppressWarnings("unchecked")
  private static RDD<Object> convert(Dataset<Row> rows) {
    try {
      return (RDD<Object>)
          Class.forName(COLUMNAR_RDD).getMethod("apply", Dataset.class).invoke(null, rows);
    } catch (InvocationTargetException e) {
      throw new IllegalStateException(
          "RAPIDS gives no tables: " + e.getCause().getMessage(), e.getCause());
    } catch (ReflectiveOperationException e) {
      throw new ConfigException(
          "train.engine.batches = device needs RAPIDS, and there is no %s: %s."
              .formatted(COLUMNAR_RDD, e),
          e);
    }
  }

  /** Refuses tables that are made of rows. */
  static void requireColumns(RDD<?> tables) {
    Deque<RDD<?>> look = new ArrayDeque<>(Set.of(tables));
    Set<Integer> seen = new HashSet<>();
    while (!look.isEmpty()) {
      RDD<?> rdd = look.remove();
      if (rdd.getClass().getSimpleName().equals(ROWS)) {
        throw new ConfigException(
            "train.engine.batches = device: RAPIDS would make its tables of rows, since the plan does not end on the GPU. Look at ./moraine explain, or set it to host.");
      }
      for (Dependency<?> dependency :
          CollectionConverters.SeqHasAsJava(rdd.dependencies()).asJava()) {
        if (seen.add(dependency.rdd().id())) {
          look.add(dependency.rdd());
        }
      }
    }
  }
}
