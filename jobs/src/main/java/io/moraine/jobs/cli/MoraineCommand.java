package io.moraine.jobs.cli;

import java.io.PrintWriter;
import java.io.StringWriter;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** The command {@code moraine} with its subcommands, and what becomes of their failures. */
@Command(
    name = "moraine",
    mixinStandardHelpOptions = true,
    version = "moraine 0.1.0",
    header = "From a raw corpus to a trained mixture-of-experts model, on one Spark cluster.",
    subcommands = {
      DemoCommand.class,
      PrepareCommand.class,
      DedupCommand.class,
      TrainCommand.class,
      EvaluateCommand.class,
      GenerateCommand.class,
      ReportCommand.class,
      ExportCommand.class,
      ImportCommand.class,
      TokenizerCommand.class,
      PlanCommand.class,
      ExplainCommand.class
    },
    footer = {
      "",
      "Every Spark option (--master, --conf, --executor-memory, ...) may stand among a command's options.",
      "Examples:",
      "  moraine demo",
      "  moraine prepare --input corpus/ --output data/ --vocab-size 8192",
      "  moraine train --data data/ --run run/ --ranks 2",
      "Exit codes: 0 done, 1 failed, 2 bad option or setting, 3 bad data, 4 a rank failed, 5 the lease was lost,",
      "75 try later."
    })
public final class MoraineCommand implements Runnable {

  private static final Logger LOG = LoggerFactory.getLogger(MoraineCommand.class);

  @Spec private CommandSpec spec;

  /** Runs one command and ends the process: a barrier job may leave live threads behind. */
  public static void runAndExit(String[] args) {
    int code = run(args);
    System.out.flush();
    System.err.flush();
    System.exit(code);
  }

  /** Runs one command; the exit code. */
  static int run(String... args) {
    return new CommandLine(new MoraineCommand())
        .setCaseInsensitiveEnumValuesAllowed(true)
        .setParameterExceptionHandler(MoraineCommand::badOption)
        .setExecutionExceptionHandler((e, command, parsed) -> failed(e, command))
        .execute(args);
  }

  /** Without a subcommand: the help. */
  @Override
  public void run() {
    spec.commandLine().usage(System.out);
  }

  private static int badOption(ParameterException e, String[] args) {
    CommandLine command = e.getCommandLine();
    PrintWriter err = command.getErr();
    err.println("moraine: " + e.getMessage());
    err.println("Try: " + command.getCommandSpec().qualifiedName() + " --help");
    err.flush();
    return ExitCode.BAD_SETTING.code();
  }

  private static int failed(Exception e, CommandLine command) {
    Failure failure = Failure.of(e);
    if (failure.isOurs()) {
      StringWriter trace = new StringWriter();
      e.printStackTrace(new PrintWriter(trace));
      LOG.error("unexpected failure\n{}", trace);
    }
    command.getErr().println("moraine: " + failure.message());
    command.getErr().flush();
    return failure.exitCode().code();
  }
}
