package io.moraine.jobs;

import io.moraine.jobs.cli.MoraineCommand;

/**
 * The class that spark-submit starts: {@code --class io.moraine.jobs.Moraine moraine.jar COMMAND}.
 */
public final class Moraine {

  private Moraine() {}

  /** Runs one command and ends the process with its exit code. */
  public static void main(String[] args) {
    MoraineCommand.runAndExit(args);
  }
}
