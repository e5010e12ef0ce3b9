package io.moraine.model.checkpoint

import java.nio.file.{Files, Path}
import java.util.{List => JList, Map => JMap}
import org.scalatest.funsuite.AnyFunSuite

import scala.jdk.CollectionConverters._

class CheckpointsSuite extends AnyFunSuite {

  private val state =
    new Checkpoint.State(0, 1, 0, "digest", JList.of(), JList.of(), Checkpoint.History.EMPTY, null)

  private def folders(root: Path): Set[String] = {
    val files = Files.list(root.resolve("checkpoints"))
    try files.iterator.asScala.map(_.getFileName.toString).toSet
    finally files.close()
  }

  test("finished checkpoints alone are counted; what was never finished goes") {
    val root = Files.createTempDirectory("checkpoints")
    val checkpoints = new Checkpoints(new LocalStorage(root))
    for (step <- Seq(50L, 100L, 137L, 200L, 250L)) {
      checkpoints.writeShard(step, 0, 1, new Safetensors(JMap.of(), JList.of()))
      if (step != 137 && step != 250) checkpoints.writeManifest(step, state, JMap.of())
    }
    checkpoints.prune(200, 2, 0)
    assert(folders(root) == Set("step-00000100", "step-00000200", "step-00000250"))
  }
}
