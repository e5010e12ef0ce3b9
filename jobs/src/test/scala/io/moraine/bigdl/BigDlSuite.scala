package io.moraine.bigdl

import io.moraine.model.train.TrainableModel
import java.nio.file.Path
import java.util.function.Supplier
import org.scalatest.funsuite.AnyFunSuite

import scala.jdk.CollectionConverters._

/** The module's tests are here: it is compiled against Scala 2.11, and here is another one. */
class BigDlSuite extends AnyFunSuite {

  test("inside is Scala 2.11, outside 2.13; outside no class of BigDL is to be found") {
    val inside =
      BigDlSuite.bigDl.load(BigDlSuite.examples + "Surroundings", classOf[Supplier[String]])
    assert(inside.get.startsWith("2.11."))
    assert(scala.util.Properties.versionNumberString.startsWith("2.13."))
    for (name <- Seq("com.intel.analytics.bigdl.utils.Engine", "breeze.linalg.DenseVector"))
      intercept[ClassNotFoundException](Class.forName(name))
  }

  test("the same class path is opened once") {
    assert(BigDl.open(BigDlSuite.classPath.asJava, 1) eq BigDlSuite.bigDl)
  }

  test("without BigDL's jars, or with a class of another type, a message says what to do") {
    val missing = intercept[IllegalStateException](BigDl.open(Seq.empty[Path].asJava, 1))
    assert(
      missing.getMessage ==
        "BigDL is not among []. A build puts its jars into model/bigdl/target/jars."
    )
    val other = intercept[IllegalStateException](
      BigDlSuite.bigDl.load(BigDlSuite.examples + "WordPairs", classOf[TrainableModel])
    )
    assert(
      other.getMessage.startsWith(
        "io.moraine.bigdl.examples.WordPairs cannot be loaded as a TrainableModel beside BigDL: "
      )
    )
  }

  test("threads of MKL must be at least 1") {
    val wrong = intercept[IllegalArgumentException](BigDl.open(BigDlSuite.classPath.asJava, 0))
    assert(wrong.getMessage == "threads of MKL must be at least 1, got 0")
  }
}

object BigDlSuite {

  /** Of models that are compiled against BigDL, for tests. */
  val examples = "io.moraine.bigdl.examples."

  private val target = Path.of(System.getProperty("moraine.root"), "model/bigdl/target")

  /** What BigDL's own files need and ours do not: Hadoop's client. */
  private val hadoop: Seq[Path] = System
    .getProperty("java.class.path")
    .split(java.io.File.pathSeparatorChar)
    .toSeq
    .map(Path.of(_))
    .filter(
      _.getFileName.toString.matches("(hadoop-client-(api|runtime)|slf4j-api|commons-logging)-.*")
    )

  lazy val classPath: Seq[Path] =
    (target.resolve("test-classes") +: BigDl.jars(target.resolve("jars")).asScala.toSeq) ++ hadoop

  lazy val bigDl: BigDl = BigDl.open(classPath.asJava, 1)

  /** A module out of a class of the examples, which was tried. */
  def made(name: String, vocabularySize: Int = 31, sequenceLength: Int = 8): BigDlModule = {
    val factory = if (name.contains(".")) name else examples + name
    val source = new ModuleSource.Made(factory, 5)
    bigDl.module(new ModuleRequest(source, vocabularySize, sequenceLength))
  }

  def example(name: String): TrainableModel =
    bigDl.load(examples + name, classOf[Supplier[TrainableModel]]).get()
}
