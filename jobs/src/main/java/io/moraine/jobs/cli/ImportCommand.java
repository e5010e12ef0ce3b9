package io.moraine.jobs.cli;

import io.moraine.jobs.train.ImportJob;
import io.moraine.jobs.train.RunFolder;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.apache.hadoop.conf.Configuration;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code moraine import}: a model of another program to a run. */
@Command(
    name = "import",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    header = "Make a run of a model that another program stored.",
    description = {
      "",
      "Reads Hugging Face's folders of DeepseekV3ForCausalLM and LlamaForCausalLM in float32, bfloat16 or float16, and",
      "what the published DeepSeek inference code loads. A key of config.json that changes the result and is not",
      "supported is an error that names it. The run stands at step 0: generate, evaluate and train take it from there.",
      ""
    },
    footer = {
      "",
      "Examples:",
      "  moraine import --input llama-3.1-8b/ --run run/",
      "  moraine import --input model/ --tokenizer tokenizer.json --run run/",
      "  moraine train --data data/ --run run/ --config run/settings.json"
    })
final class ImportCommand implements Callable<Integer> {

  @Spec private CommandSpec spec;

  @Option(
      names = "--input",
      required = true,
      paramLabel = "PATH",
      description = "The model's folder, or a .safetensors file with its configuration inside.")
  private String input;

  @Option(
      names = "--run",
      required = true,
      paramLabel = "DIR",
      description = "The run's folder, new or empty.")
  private String run;

  @Option(
      names = "--tokenizer",
      paramLabel = "FILE",
      description = "A tokenizer.json; default: the one in the model's folder.")
  private String tokenizer;

  @Option(
      names = "--config",
      paramLabel = "FILE",
      description =
          "Settings (HOCON) of how it is trained further, over the defaults of conf/models/demo.conf.")
  private Path config;

  @Override
  public Integer call() throws Exception {
    ImportJob.Imported imported =
        ImportJob.run(
            new Configuration(),
            input,
            RunFolder.at(run),
            Optional.ofNullable(tokenizer),
            Optional.ofNullable(config),
            Terminal.progress());
    PrintWriter out = spec.commandLine().getOut();
    out.println(
        String.format(
            Locale.ROOT,
            "%,d parameters, %,d active per token",
            imported.model().parameters(),
            imported.model().activeParameters()));
    if (!imported.leftOut().isEmpty()) {
      out.println(
          String.format(
              Locale.ROOT,
              "left out: %,d tensors of layers behind the last one, the first is %s",
              imported.leftOut().size(),
              imported.leftOut().get(0)));
    }
    if (imported.absentModules() > 0) {
      out.println(
          String.format(
              Locale.ROOT,
              "without multi-token prediction: config.json has num_nextn_predict_layers = %d, the files no such layer",
              imported.absentModules()));
    }
    out.println("training run: " + run);
    out.flush();
    return ExitCode.DONE.code();
  }
}
