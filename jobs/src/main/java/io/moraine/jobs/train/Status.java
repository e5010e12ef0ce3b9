package io.moraine.jobs.train;

import com.fasterxml.jackson.annotation.JsonAutoDetect.Visibility;
import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.PropertyAccessor;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.util.List;
import java.util.Locale;

/**
 * {@code status.json}: where a run stands. Its writer changes it, readers have one of their own.
 *
 * <p>Rank 0 writes it from its first word on; before, between two attempts, and when the run ends
 * otherwise than a rank says, the driver ({@link DriverStatus}).
 */
@JsonIgnoreProperties(ignoreUnknown = true)
final class Status {

  static final String STARTING = "starting";
  static final String TRAINING = "training";
  static final String RECOVERING = "recovering";
  static final String STOPPED = "stopped";
  static final String DONE = "done";
  static final String FAILED = "failed";

  private static final JsonMapper JSON =
      JsonMapper.builder()
          .propertyNamingStrategy(PropertyNamingStrategies.SNAKE_CASE)
          .visibility(PropertyAccessor.FIELD, Visibility.NON_PRIVATE)
          .enable(SerializationFeature.INDENT_OUTPUT)
          .build();

  /** Starting, training, recovering (a rank was lost), stopped (it can go on), done or failed. */
  String state = STARTING;

  /** Why it is recovering, stopped or failed, or done in vain, in a line; else empty. */
  String reason = "";

  /** Step of the checkpoint this start went on from; 0 for a new run. */
  long resumedFrom;

  /** Last step. */
  long step;

  /** Of the whole run. */
  long steps;

  /**
   * Of the last step whose loss was a number, nats per token; null before the first. When a start
   * begins: of the last good step before the checkpoint.
   */
  Double loss;

  /** Newest; null before the first. When a start begins: the checkpoint's, if it has one. */
  Double heldOutLoss;

  /** Places for tokens in all sequences so far, padding included. */
  long tokensSeen;

  /** Of the newest steps. */
  double tokensPerSecond;

  /** To the last step at that speed; null before it is known, and if it is beyond ten years. */
  Double secondsToGo;

  /** Of the last step's expert load. */
  double maxViolation;

  /** Sent by rank 0 in the last step. */
  long wireBytes;

  /** Of the run, left out. */
  long badSteps;

  /** Step of the newest whole checkpoint. */
  long lastCheckpoint;

  /** What a person should know of this start. */
  String message = "";

  /** The newest, as lines for people. */
  List<String> samples = List.of();

  String rendered() {
    try {
      return JSON.writeValueAsString(this) + "\n";
    } catch (JsonProcessingException e) {
      throw new AssertionError("unreachable: a status is plain data", e);
    }
  }

  static Status parse(String text) throws JsonProcessingException {
    return JSON.readValue(text, Status.class);
  }

  /** One line for people. */
  String line() {
    return String.format(
        Locale.ROOT,
        "step %,d of %,d  loss %s  held-out %s  %,.0f tokens/s  MaxVio %.2f  checkpoint %,d  %s s to go",
        step,
        steps,
        text("%.3f", loss),
        text("%.3f", heldOutLoss),
        tokensPerSecond,
        maxViolation,
        lastCheckpoint,
        text("%.0f", secondsToGo));
  }

  private static String text(String format, Double number) {
    return number == null ? "-" : String.format(Locale.ROOT, format, number);
  }
}
