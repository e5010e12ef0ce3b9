package io.moraine.jobs.explain;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.apache.spark.SparkContext;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.catalyst.plans.logical.LogicalPlan;
import org.apache.spark.sql.catalyst.plans.logical.ReturnAnswer;
import org.apache.spark.sql.execution.SparkPlan;
import org.apache.spark.sql.execution.SparkStrategy;
import org.apache.spark.sql.execution.adaptive.AdaptiveSparkPlanExec;
import org.apache.spark.sql.execution.datasources.InsertIntoHadoopFsRelationCommand;
import scala.collection.immutable.Seq;
import scala.jdk.javaapi.CollectionConverters;

/**
 * Notes every query that a session plans, those behind RDDs too, which no listener hears of: Spark
 * asks each of its strategies for a plan of the whole query before any other.
 */
final class PlanRecorder extends SparkStrategy {

  private static final String ADAPTIVE = AdaptiveSparkPlanExec.class.getName();

  private final SparkContext context;
  private final List<PlannedQuery> queries = Collections.synchronizedList(new ArrayList<>());

  private PlanRecorder(SparkContext context) {
    this.context = context;
  }

  /**
   * Runs something and notes its queries.
   *
   * @param session on which alone it runs meanwhile
   * @param job says in Spark's job description, behind a colon, which of its stages runs
   * @return the queries in the order in which they were planned
   */
  static <E extends Exception> List<PlannedQuery> during(SparkSession session, Job<E> job)
      throws E {
    PlanRecorder recorder = new PlanRecorder(session.sparkContext());
    Seq<SparkStrategy> before = session.experimental().extraStrategies();
    session.experimental().extraStrategies_$eq(seq(List.of(recorder)));
    try {
      job.run();
    } finally {
      session.experimental().extraStrategies_$eq(before);
    }
    return List.copyOf(recorder.queries);
  }

  /** What is run. */
  @FunctionalInterface
  interface Job<E extends Exception> {
    void run() throws E;
  }

  /** Plans nothing: that is for Spark's own strategies. */
  @Override
  public Seq<SparkPlan> apply(LogicalPlan plan) {
    if (plan instanceof ReturnAnswer answer && !isPlannedAgain()) {
      queries.add(new PlannedQuery(stage(), name(answer.child()), answer.child()));
    }
    return seq(List.of());
  }

  /** Adaptive execution plans the rest of a query anew when a part of it has run. */
  private static boolean isPlannedAgain() {
    return StackWalker.getInstance()
        .walk(frames -> frames.anyMatch(frame -> frame.getClassName().equals(ADAPTIVE)));
  }

  private String stage() {
    String description = context.getLocalProperty("spark.job.description");
    return description == null ? "" : description.substring(description.indexOf(':') + 1).strip();
  }

  private static String name(LogicalPlan plan) {
    return plan instanceof InsertIntoHadoopFsRelationCommand write
        ? write.outputPath().getName()
        : StackWalker.getInstance()
            .walk(frames -> frames.filter(frame -> isOurs(frame.getClassName())).findFirst())
            .map(
                frame ->
                    frame.getClassName().replaceFirst(".*[.]", "") + "." + frame.getMethodName())
            .orElse("");
  }

  private static boolean isOurs(String className) {
    return className.startsWith("io.moraine.pipeline.")
        || (className.startsWith("io.moraine.jobs.prepare.")
            && !className.endsWith(".DatasetTables"));
  }

  private static <T> Seq<T> seq(List<T> list) {
    return CollectionConverters.asScala(list).toSeq();
  }
}
