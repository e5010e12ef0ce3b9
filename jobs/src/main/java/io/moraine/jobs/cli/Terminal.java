package io.moraine.jobs.cli;

import io.moraine.jobs.progress.Progress;

/** The terminal that a command was started from. */
final class Terminal {

  private Terminal() {}

  /**
   * Progress on standard error; the self-rewriting line only where a person sees it (the launcher
   * says so in {@code moraine.terminal}).
   */
  static Progress progress() {
    return new Progress(System.err, Boolean.getBoolean("moraine.terminal"), System::nanoTime);
  }
}
