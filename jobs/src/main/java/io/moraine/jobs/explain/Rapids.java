package io.moraine.jobs.explain;

import io.moraine.jobs.config.ConfigException;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.util.Optional;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.catalyst.plans.logical.LogicalPlan;
import org.apache.spark.sql.execution.CommandExecutionMode;
import org.apache.spark.sql.execution.QueryExecution;
import org.apache.spark.sql.types.StructType;

/**
 * The planner of the RAPIDS Accelerator. Only its jar's classes are needed: no GPU, no native
 * library, no plugin in the session.
 *
 * @source NVIDIA, RAPIDS Accelerator for Apache Spark, {@code ExplainPlan.explainPotentialGpuPlan}
 */
public final class Rapids {

  private static final String EXPLAIN_PLAN = "com.nvidia.spark.rapids.ExplainPlan";

  /** Nothing is read of a plan that is only looked at. */
  private static final StructType NO_ROWS = new StructType();

  private final Method explain;

  private Rapids(Method explain) {
    this.explain = explain;
  }

  /** The one of this thread's class loader; empty if its jar is not there. */
  public static Optional<Rapids> onClassPath() {
    try {
      Class<?> planner =
          Class.forName(EXPLAIN_PLAN, true, Thread.currentThread().getContextClassLoader());
      return Optional.of(
          new Rapids(planner.getMethod("explainPotentialGpuPlan", Dataset.class, String.class)));
    } catch (ClassNotFoundException e) {
      return Optional.empty();
    } catch (NoSuchMethodException e) {
      throw new IllegalStateException("the RAPIDS Accelerator has no " + e.getMessage(), e);
    }
  }

  /** Refuses a version of Spark that it does not know, before anything has been run for it. */
  void requireKnown(SparkSession spark) {
    try {
      explain(spark, spark.range(1).logicalPlan());
    } catch (IllegalStateException e) {
      throw new ConfigException(e.getMessage(), e);
    }
  }

  /**
   * What it says of a plan: a line per operator and expression.
   *
   * @throws IllegalStateException if it does not know this version of Spark
   */
  String explain(SparkSession spark, LogicalPlan plan) {
    QueryExecution query = spark.sessionState().executePlan(plan, CommandExecutionMode.SKIP());
    Dataset<Row> rows = new Dataset<>(query, Encoders.row(NO_ROWS));
    try {
      return (String) explain.invoke(null, rows, "ALL");
    } catch (InvocationTargetException e) {
      throw new IllegalStateException(
          "the RAPIDS Accelerator cannot explain a plan of Spark %s: %s"
              .formatted(spark.version(), e.getCause()),
          e.getCause());
    } catch (IllegalAccessException e) {
      throw new IllegalStateException(e);
    }
  }
}
