package io.moraine.jobs.train;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.util.Locale;

/**
 * {@code status.json}: where a run stands.
 *
 * @param state starting, training, stopped (it can go on) or done
 * @param resumedFrom step of the checkpoint this start went on from; 0 for a new run
 * @param step last step
 * @param steps of the whole run
 * @param loss of the last step whose loss was a number, nats per token; null before the first
 * @param heldOutLoss newest; null before the first
 * @param tokensSeen places for tokens in all sequences so far, padding included
 * @param tokensPerSecond of the newest steps
 * @param secondsToGo to the last step at that speed; null before it is known
 * @param maxViolation of the last step's expert load
 * @param wireBytes sent by rank 0 in the last step
 * @param badSteps of this start, left out
 * @param lastCheckpoint step of the newest whole checkpoint
 * @param message what a person should know of this start
 */
@JsonIgnoreProperties(ignoreUnknown = true)
record Status(
    String state,
    long resumedFrom,
    long step,
    long steps,
    Double loss,
    Double heldOutLoss,
    long tokensSeen,
    double tokensPerSecond,
    Double secondsToGo,
    double maxViolation,
    long wireBytes,
    long badSteps,
    long lastCheckpoint,
    String message) {

  private static final JsonMapper JSON =
      JsonMapper.builder()
          .propertyNamingStrategy(PropertyNamingStrategies.SNAKE_CASE)
          .enable(SerializationFeature.INDENT_OUTPUT)
          .build();

  /** Nothing is known yet. */
  static final Status NONE =
      new Status("starting", 0, 0, 0, null, null, 0, 0, null, 0, 0, 0, 0, "");

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
