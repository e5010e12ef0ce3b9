package io.moraine.jobs.progress;

import java.io.PrintStream;
import java.util.Locale;
import java.util.function.LongSupplier;

/**
 * Tells a person where a long command stands: one line when a step starts and one when it is done.
 * A line that rewrites itself in between appears only on a terminal.
 */
public final class Progress {

  private final PrintStream out;
  private final boolean terminal;
  private final LongSupplier nanoClock;
  private String step = "";
  private long stepStart;
  private boolean live;

  /**
   * Reports to a stream.
   *
   * @param out usually standard error; results go to standard output
   * @param terminal whether {@code out} is a terminal, which understands a carriage return
   * @param nanoClock for durations only
   */
  public Progress(PrintStream out, boolean terminal, LongSupplier nanoClock) {
    this.out = out;
    this.terminal = terminal;
    this.nanoClock = nanoClock;
  }

  /** A step begins. */
  public void start(String name) {
    step = name;
    stepStart = nanoClock.getAsLong();
    say(name + " ...");
  }

  /** Where the step stands; shown on a terminal alone, over the previous one. */
  public void update(String state) {
    if (terminal) {
      out.print("\r\u001b[K  " + state);
      out.flush();
      live = true;
    }
  }

  /** The step that began last is done. */
  public void done(String result) {
    double seconds = (nanoClock.getAsLong() - stepStart) / 1e9;
    say(String.format(Locale.ROOT, "%s: %s (%.1f s)", step, result, seconds));
  }

  /** A line of its own. */
  public void say(String line) {
    if (live) {
      out.print("\r\u001b[K");
      live = false;
    }
    out.println(line);
    out.flush();
  }
}
