package io.moraine.jobs.explain;

import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What RAPIDS says of a query.
 *
 * @param stage of the job
 * @param name the table that it writes, or the method that asks for its rows
 * @param operators from the top of the plan down, each followed by its expressions that go through
 *     the bridge
 * @param text RAPIDS's own
 */
public record ExplainedQuery(String stage, String name, List<Operator> operators, String text) {

  /** Two blanks per level, where it would run, kind, class, the expression itself, reason. */
  private static final Pattern LINE = Pattern.compile("^( *)([*^@#$!])(\\w*) ?<([\\w$]+)> (.*)$");

  private static final Pattern REASON =
      Pattern.compile("(?:cannot run on GPU|via CPU bridge) because (.*)$");

  /** Numbers that Spark and the JVM give, others in each run, and what repeats the operator. */
  private static final Pattern NOISE =
      Pattern.compile(
          "#\\d+L?| implemented by class \\S+Lambda\\S+|(?<=support the operator) class [\\w.$]+");

  /** Says nothing that the reasons of the expressions, the writing or the scan do not say. */
  private static final Pattern NOT_ALL = Pattern.compile("not all .* can be replaced");

  /** Reads RAPIDS's text. */
  static ExplainedQuery of(PlannedQuery query, String text) {
    List<Operator> operators = new ArrayList<>();
    Optional<Reading> open = Optional.empty();
    for (String line : text.lines().toList()) {
      Matcher matcher = LINE.matcher(line);
      if (matcher.matches()) {
        Line read = Line.of(matcher);
        if (read.isOperator()) {
          open.ifPresent(reading -> reading.addTo(operators));
          open = Optional.of(new Reading(read));
        } else {
          open.ifPresent(reading -> reading.add(read));
        }
      }
    }
    open.ifPresent(reading -> reading.addTo(operators));
    return new ExplainedQuery(query.stage(), query.name(), List.copyOf(operators), text);
  }

  /** Those of its operators and expressions that would run there, in the order of the plan. */
  List<Operator> at(Place place) {
    return operators.stream().filter(operator -> operator.place() == place).toList();
  }

  private record Line(int level, char mark, String kind, String name, String reason) {

    static Line of(Matcher line) {
      Matcher reason = REASON.matcher(line.group(5));
      return new Line(
          line.group(1).length() / 2,
          line.group(2).charAt(0),
          line.group(3),
          line.group(4),
          reason.find() ? NOISE.matcher(reason.group(1)).replaceAll("") : "");
    }

    /** What RAPIDS has no rule for has no kind. */
    boolean isOperator() {
      return kind.equals("Exec") || kind.isEmpty() && name.endsWith("Exec");
    }

    String operator() {
      return name.replaceFirst("Exec$", "");
    }
  }

  /** An operator and what was read of its expressions. */
  private static final class Reading {

    private final Line operator;
    private final Set<String> reasons = new LinkedHashSet<>();
    private final List<Operator> bridged = new ArrayList<>();
    private int bridgedLevel = Integer.MAX_VALUE;

    Reading(Line operator) {
      this.operator = operator;
    }

    void add(Line expression) {
      if (expression.mark() == '!' && !isNotAll(expression)) {
        reasons.add(expression.name() + ": " + expression.reason());
      }
      if (expression.mark() == '^') {
        if (expression.level() <= bridgedLevel) {
          bridged.add(new Operator(expression.name(), Place.BRIDGE, expression.reason()));
          bridgedLevel = expression.level();
        }
      } else if (expression.level() <= bridgedLevel) {
        bridgedLevel = Integer.MAX_VALUE;
      }
    }

    void addTo(List<Operator> operators) {
      if (operator.mark() == '!' || operator.mark() == '$') {
        operators.add(new Operator(operator.operator(), Place.CPU, reason()));
      } else if (operator.mark() != '#') {
        operators.add(new Operator(operator.operator(), Place.GPU, ""));
        operators.addAll(bridged);
      }
    }

    /** Its own, else those of its expressions. */
    private String reason() {
      Set<String> own = new TreeSet<>();
      for (String reason : operator.reason().split("; ", -1)) {
        if (!NOT_ALL.matcher(reason).matches()) {
          own.add(reason);
        }
      }
      return String.join("; ", own.isEmpty() ? reasons : own);
    }

    private static boolean isNotAll(Line line) {
      return NOT_ALL.matcher(line.reason()).matches();
    }
  }
}
