package io.moraine.jobs.cli;

import io.moraine.jobs.config.ConfigException;
import io.moraine.jobs.train.ExportJob;
import io.moraine.jobs.train.RunFolder;
import io.moraine.model.checkpoint.TensorType;
import io.moraine.model.huggingface.ModelExport;
import java.io.PrintWriter;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.apache.hadoop.conf.Configuration;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code moraine export}: a run to a folder of Hugging Face's. */
@Command(
    name = "export",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    header = "Write a run's newest checkpoint as a model that Hugging Face's transformers load.",
    description = {
      "",
      "DeepseekV3ForCausalLM, or LlamaForCausalLM of a model with grouped-query attention: config.json,",
      "model.safetensors (several files and their index where it is large), generation_config.json, tokenizer.json",
      "and tokenizer_config.json. Settings that these classes have not are an error that names them.",
      ""
    },
    footer = {
      "",
      "Examples:",
      "  moraine export --run run/ --output model/",
      "  moraine export --run hdfs:/run --output model/ --dtype bfloat16"
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

  @Spec private CommandSpec spec;

  @Option(names = "--run", required = true, paramLabel = "DIR", description = "A training run.")
  private String run;

  @Option(
      names = "--output",
      required = true,
      paramLabel = "DIR",
      description =
          "The folder to write; an earlier model there is replaced when this one is whole.")
  private String output;

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

  @Override
  public Integer call() throws Exception {
    if (shardBytes < 1) {
      throw new ConfigException("--shard-bytes must be at least 1, got %d.".formatted(shardBytes));
    }
    ExportJob.Exported exported =
        ExportJob.export(new Configuration(), RunFolder.at(run), output, dtype.type, shardBytes);
    PrintWriter out = spec.commandLine().getOut();
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
}
