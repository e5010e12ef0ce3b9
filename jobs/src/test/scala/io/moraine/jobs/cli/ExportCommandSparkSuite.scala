package io.moraine.jobs.cli

import io.moraine.jobs.train.{Limits, RunFolder, TrainJob, TrainJobSparkSuite}
import io.moraine.jobs.{Scratch, SharedSparkSession}
import java.io.{ByteArrayOutputStream, PrintStream}
import java.nio.charset.StandardCharsets.UTF_8
import java.nio.file.Files
import org.scalatest.funsuite.AnyFunSuite

class ExportCommandSparkSuite extends AnyFunSuite with SharedSparkSession {

  private def output(work: => Unit): String = {
    val bytes = new ByteArrayOutputStream
    val before = System.out
    System.setOut(new PrintStream(bytes, true, UTF_8))
    try work
    finally System.setOut(before)
    bytes.toString(UTF_8)
  }

  test("export, import and generate from the command line; a second import is refused") {
    val folder = Scratch.folder()
    val run = folder.resolve("run").toString
    new TrainJob(spark, TrainJobSparkSuite.settings(2), Scratch.silent)
      .run(
        java.util.List.of(TrainJobSparkSuite.dataset(spark).toString),
        RunFolder.at(run),
        1,
        true,
        Limits.NONE
      )
    val model = folder.resolve("model").toString
    val options = Seq("--run", run, "--output", model, "--dtype", "bfloat16", "--shard-bytes")
    assert(MoraineCommand.run("export" +: options :+ "20000": _*) == 0)
    assert(Files.exists(folder.resolve("model/model.safetensors.index.json")))
    val again = folder.resolve("again").toString
    assert(MoraineCommand.run("import", "--input", model, "--run", again) == 0)
    assert(MoraineCommand.run("generate", "--run", again, "--prompt", "word1") == 0)
    assert(MoraineCommand.run("import", "--input", model, "--run", again) == 2)
    val config = folder.resolve("model/config.json")
    val text = Files.readString(config)
    val key = "\"num_nextn_predict_layers\" : "
    assert(text.contains(key + "0"))
    Files.writeString(config, text.replace(key + "0", key + "1"))
    val without = folder.resolve("without").toString
    val said = output(assert(MoraineCommand.run("import", "--input", model, "--run", without) == 0))
    assert(
      said.contains(
        "without multi-token prediction: config.json has num_nextn_predict_layers = 1, the files no such layer"
      )
    )
    Files.delete(folder.resolve("model/generation_config.json"))
    Files.writeString(folder.resolve("model/config.json"), "{\"model_type\": \"gpt2\"}")
    assert(
      MoraineCommand.run("import", "--input", model, "--run", folder.resolve("x").toString) == 3
    )
    assert(!Files.exists(folder.resolve("x")))
  }
}
