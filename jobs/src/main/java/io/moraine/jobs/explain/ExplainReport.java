package io.moraine.jobs.explain;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.StringJoiner;

/** What RAPIDS says of a job, for a person to read. */
public final class ExplainReport {

  private static final int WIDTH = 140;
  private static final String INDENT = " ".repeat(12);

  private ExplainReport() {}

  /** Stage by stage; queries of a stage that look the same stand together. */
  public static List<String> lines(List<ExplainedQuery> queries) {
    List<String> lines = new ArrayList<>();
    stages(queries)
        .forEach(
            (stage, ofStage) -> {
              lines.add(stage + ": " + counts(ofStage));
              Map<List<String>, List<String>> names = new LinkedHashMap<>();
              ofStage.forEach(
                  query ->
                      names
                          .computeIfAbsent(query(query), same -> new ArrayList<>())
                          .add(query.name()));
              names.forEach(
                  (body, same) -> {
                    lines.addAll(wrapped("  " + counted(same)));
                    body.forEach(line -> lines.addAll(wrapped("    " + line)));
                  });
            });
    return lines;
  }

  /** The same in RAPIDS's own words: every operator and expression. */
  public static List<String> inFull(List<ExplainedQuery> queries) {
    List<String> lines = new ArrayList<>();
    stages(queries)
        .forEach(
            (stage, ofStage) -> {
              lines.add(stage);
              for (ExplainedQuery query : ofStage) {
                lines.add("  " + query.name());
                query
                    .text()
                    .lines()
                    .filter(line -> !line.isBlank())
                    .forEach(line -> lines.add("    " + line));
              }
            });
    return lines;
  }

  private static Map<String, List<ExplainedQuery>> stages(List<ExplainedQuery> queries) {
    Map<String, List<ExplainedQuery>> stages = new LinkedHashMap<>();
    queries.forEach(
        query -> stages.computeIfAbsent(query.stage(), stage -> new ArrayList<>()).add(query));
    return stages;
  }

  private static String counts(List<ExplainedQuery> queries) {
    StringJoiner counts = new StringJoiner(", ");
    for (Place place : Place.values()) {
      int operators = queries.stream().mapToInt(query -> query.at(place).size()).sum();
      if (operators > 0) {
        counts.add("%d %s".formatted(operators, place.words()));
      }
    }
    return counts.toString();
  }

  /** A line for what is on the GPU, and one for each reason why something is not. */
  private static List<String> query(ExplainedQuery query) {
    List<String> lines = new ArrayList<>();
    for (Place place : Place.values()) {
      Map<String, List<String>> byReason = new LinkedHashMap<>();
      query
          .at(place)
          .forEach(
              operator ->
                  byReason
                      .computeIfAbsent(operator.reason(), reason -> new ArrayList<>())
                      .add(operator.name()));
      byReason.forEach(
          (reason, names) ->
              lines.add(
                  String.format(
                      Locale.ROOT,
                      "%-6s  %s%s",
                      place.label(),
                      counted(names),
                      reason.isEmpty() ? "" : ": " + reason)));
    }
    return lines;
  }

  /** Lines of a width that terminals have, what goes on further to the right. */
  private static List<String> wrapped(String line) {
    List<String> lines = new ArrayList<>();
    String rest = line;
    while (rest.length() > WIDTH && rest.lastIndexOf(' ', WIDTH) > INDENT.length()) {
      int end = rest.lastIndexOf(' ', WIDTH);
      lines.add(rest.substring(0, end));
      rest = INDENT + rest.substring(end + 1);
    }
    lines.add(rest);
    return lines;
  }

  /** Names in the order of their first appearance, with how often each stands. */
  private static String counted(List<String> names) {
    Map<String, Integer> counts = new LinkedHashMap<>();
    names.forEach(name -> counts.merge(name, 1, Integer::sum));
    StringJoiner joined = new StringJoiner(", ");
    counts.forEach((name, count) -> joined.add(count == 1 ? name : name + " x" + count));
    return joined.toString();
  }
}
