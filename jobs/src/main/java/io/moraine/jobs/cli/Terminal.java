package io.moraine.jobs.cli;

import io.moraine.jobs.report.Progress;

/** The terminal that a command was started from. */
final class Terminal {

  private Terminal() {}

  /** Progress on standard error; the self-rewriting line only where a person sees it. */
  static Progress progress() {
    return new Progress(System.err, System.console() != null, System::nanoTime);
  }
}
