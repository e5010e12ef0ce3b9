package io.moraine.model.checkpoint

import java.nio.file.{Files, Path}
import java.util.{List => JList, Map => JMap}
import org.scalatest.funsuite.AnyFunSuite

import scala.jdk.CollectionConverters._

class CheckpointsSuite extends AnyFunSuite {

  private def state(loss: Option[Double] = None, sequences: Long = 0) = new Checkpoint.State(
    0,
    1,
    0,
    "digest",
    JList.of(),
    JList.of(),
    Checkpoint.History.EMPTY,
    loss.map(Double.box).orNull,
    sequences
  )

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
      if (step != 137 && step != 250) checkpoints.writeManifest(step, state(), JMap.of())
    }
    checkpoints.prune(200, 2, 0)
    assert(folders(root) == Set("step-00000100", "step-00000200", "step-00000250"))
  }

  test("damaged checkpoints put aside are neither counted, nor the best, nor deleted") {
    val root = Files.createTempDirectory("checkpoints")
    val checkpoints = new Checkpoints(new LocalStorage(root))
    val shard = Checkpoints.shardFile(0, 1)
    def write(step: Long, loss: Double): Unit = {
      val digest = checkpoints.writeShard(step, 0, 1, new Safetensors(JMap.of(), JList.of()))
      checkpoints.writeManifest(step, state(Some(loss), 8), JMap.of(shard, digest))
    }
    def damage(step: Int): Unit =
      Files.writeString(root.resolve(f"checkpoints/step-$step%08d/$shard"), s"damaged $step")
    write(100, 3.0)
    for (_ <- 1 to 2) {
      for (step <- Seq(150, 200)) {
        write(step.toLong, 1.0)
        damage(step)
      }
      write(250, 2.0)
      Files.delete(root.resolve("checkpoints/step-00000250/manifest.json"))
      var said = Seq.empty[String]
      val newest = checkpoints.newestWhole(_ => ()).get
      checkpoints.setAside(newest.step, text => said :+= text)
      assert(newest.step == 100 && said.size == 2)
      assert(
        said.head.matches(
          "the damaged checkpoint step-00000150 is kept as checkpoints/damaged-step-00000150(-2)?"
        ),
        said
      )
      assert(checkpoints.finished.asScala.toSeq == Seq(100L))
    }
    write(175, 2.5)
    checkpoints.prune(175, 2, 1)
    val aside = Set("150", "150-2", "200", "200-2").map(step => s"damaged-step-00000$step")
    assert(folders(root) == aside ++ Seq("step-00000100", "step-00000175", "step-00000250"))
    assert(
      Files.readString(root.resolve(s"checkpoints/damaged-step-00000200/$shard")) == "damaged 200"
    )
  }

  test("the best are those measured on as many held-out sequences as the newest") {
    val root = Files.createTempDirectory("checkpoints")
    val checkpoints = new Checkpoints(new LocalStorage(root))
    def write(step: Long, loss: Double, sequences: Long): Unit = {
      checkpoints.writeShard(step, 0, 1, new Safetensors(JMap.of(), JList.of()))
      checkpoints.writeManifest(step, state(Some(loss), sequences), JMap.of())
      checkpoints.prune(step, 1, 1)
    }
    write(10, 1.0, 8)
    write(20, 1.5, 8)
    assert(folders(root) == Set("step-00000010", "step-00000020"))
    write(30, 4.0, 32)
    assert(folders(root) == Set("step-00000030"))
    write(40, 5.0, 32)
    assert(folders(root) == Set("step-00000030", "step-00000040"))
    assert(checkpoints.state(30).heldOutLoss == 4.0 && checkpoints.state(30).heldOutSequences == 32)
  }
}
