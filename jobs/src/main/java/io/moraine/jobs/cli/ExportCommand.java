package io.moraine.jobs.cli;

import io.moraine.jobs.config.ConfigException;
import io.moraine.jobs.lease.HeldLeases;
import io.moraine.jobs.train.BigDlExportJob;
import io.moraine.jobs.train.EvaluateJob;
import io.moraine.jobs.train.ExportJob;
import io.moraine.jobs.train.ModelFolder;
import io.moraine.jobs.train.RunFolder;
import io.moraine.model.checkpoint.TensorType;
import io.moraine.model.huggingface.ModelExport;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.sql.SparkSession;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code moraine export}: a run to a folder of Hugging Face's. */
@Command(
    name = "export",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    header =
        "Write a run's newest checkpoint as a model that Hugging Face's transformers load, or BigDL.",
    description = {
      "",
      "DeepseekV3ForCausalLM, or LlamaForCausalLM of a model with grouped-query attention: config.json,",
      "model.safetensors (several files and their index where it is large), generation_config.json, tokenizer.json",
      "and tokenizer_config.json. Settings that these classes have not are an error that names them. With --format",
      "bigdl one file for BigDL's Module.loadModule, of a run that trained a module of BigDL's (docs/bigdl.md).",
      ""
    },
    footer = {
      "",
      "Examples:",
      "  moraine export --run run/ --output model/",
      "  moraine export --run hdfs:/run --output model/ --dtype bfloat16",
      "  moraine export --run run/ --output model/ --if-better-on data/",
      "  moraine export --run run/ --output model.bigdl --format bigdl --module-jars my-models.jar"
    })
final class ExportCommand implements Callable<Integer> {

  /** Types of exported weights, by PyTorch's names. */
  enum Dtype {
    FLOAT32(TensorType.F32),
    BFLOAT16(TensorType.BF16);

    private final TensorType type;

    Dtype(TensorType type) {
      this.type = type;
    }
  }

  /** Who loads it. */
  enum Format {
    HUGGINGFACE,
    BIGDL
  }

  @Spec private CommandSpec spec;

  @Option(names = "--run", required = true, paramLabel = "DIR", description = "A training run.")
  private String run;

  @Option(
      names = "--output",
      required = true,
      paramLabel = "PATH",
      description =
          "The folder or file to write; an earlier model there is replaced when this one is whole.")
  private String output;

  @Option(
      names = "--format",
      paramLabel = "NAME",
      defaultValue = "huggingface",
      description = "huggingface or bigdl, whose --output is a file. Default: ${DEFAULT-VALUE}.")
  private Format format;

  @Mixin private BigDlOptions bigDl;

  @Option(
      names = "--dtype",
      paramLabel = "TYPE",
      defaultValue = "float32",
      description =
          "Of the weights: float32 or bfloat16; selection biases stay float32. Default: ${DEFAULT-VALUE}.")
  private Dtype dtype;

  @Option(
      names = "--shard-bytes",
      paramLabel = "N",
      defaultValue = "" + ModelExport.SHARD_BYTES,
      description = "Largest file of weights. Default: ${DEFAULT-VALUE}.")
  private long shardBytes;

  @Option(
      names = "--if-better-on",
      paramLabel = "DIR",
      description =
          "Evaluate on this dataset's held-out sequences first, and leave a model there that is as good or"
              + " better on them. Its loss stands in evaluation.json.")
  private String ifBetterOn;

  @Override
  public Integer call() throws Exception {
    if (shardBytes < 1) {
      throw new ConfigException("--shard-bytes must be at least 1, got %d.".formatted(shardBytes));
    }
    if (format == Format.BIGDL) {
      return toBigDl();
    }
    return HeldLeases.during(new Configuration(), Terminal.progress(), this::toHuggingFace);
  }

  private int toHuggingFace(HeldLeases leases) throws IOException {
    PrintWriter out = spec.commandLine().getOut();
    Configuration hadoop = leases.hadoop();
    ModelFolder folder = ExportJob.begin(leases, output);
    Optional<ExportJob.Measured> now = Optional.empty();
    if (ifBetterOn != null) {
      now = Optional.of(measure());
      Optional<ExportJob.Measured> there = ExportJob.measured(hadoop, output);
      if (there.isPresent() && there.get().isAsGoodAs(now.get())) {
        out.println(
            String.format(
                Locale.ROOT,
                "held-out loss %.4f at step %,d is not below the %.4f of step %,d: %s stays as it is",
                now.get().loss(),
                now.get().step(),
                there.get().loss(),
                there.get().step(),
                output));
        out.flush();
        return ExitCode.DONE.code();
      }
    }
    ExportJob.Exported exported =
        ExportJob.export(
            hadoop, RunFolder.at(run), folder, dtype.type, shardBytes, now, Terminal.progress());
    out.println(
        String.format(
            Locale.ROOT,
            "%s of %,d parameters at step %,d, %s",
            exported.className(),
            exported.parameters(),
            exported.step(),
            dtype.name().toLowerCase(Locale.ROOT)));
    out.println("model: " + output);
    out.flush();
    return ExitCode.DONE.code();
  }

  private int toBigDl() throws IOException {
    if (ifBetterOn != null || dtype != Dtype.FLOAT32 || shardBytes != ModelExport.SHARD_BYTES) {
      throw new ConfigException(
          "--format bigdl writes one file in float32: leave --dtype, --shard-bytes and --if-better-on out.");
    }
    BigDlExportJob.Exported exported =
        BigDlExportJob.export(
            new Configuration(), RunFolder.at(run), output, bigDl.jars(), Terminal.progress());
    PrintWriter out = spec.commandLine().getOut();
    out.println(
        String.format(
            Locale.ROOT,
            "BigDL module of %,d parameters at step %,d",
            exported.parameters(),
            exported.step()));
    out.println("model: " + output);
    out.flush();
    return ExitCode.DONE.code();
  }

  private ExportJob.Measured measure() throws IOException {
    try (SparkSession spark = SparkOptions.session("export")) {
      EvaluateJob.Evaluation evaluation =
          new EvaluateJob(spark, Terminal.progress()).run(RunFolder.at(run), ifBetterOn);
      return ExportJob.Measured.of(new Configuration(), ifBetterOn, evaluation);
    }
  }
}
