package io.moraine.bigdl

import io.moraine.jobs.Scratch
import io.moraine.jobs.train.Processes
import io.moraine.model.train.TrainableModel
import java.nio.file.{Files, Path}
import java.util.concurrent.{FutureTask, TimeUnit}
import java.util.function.{BooleanSupplier, Supplier}
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

  for (opened <- Seq(Seq(1), Seq(1, 2), Seq(2, 3)))
    test(
      s"a new thread computes with as many threads of MKL as were opened last: ${opened.mkString(", ")}"
    ) {
      val log = Scratch.folder().resolve("threads")
      val root = Map("moraine.root" -> System.getProperty("moraine.root"))
      val process =
        Processes.start(log, root, "io.moraine.bigdl.ThreadsOfMkl", opened.map(_.toString): _*)
      assert(Processes.exitCode(process, 120) == 0, Processes.text(log))
      val said = Processes.text(log)
      assert(said.linesIterator.contains(s"threads: ${opened.last}"), said)
    }

  test("a thread that computes has BigDL's class loader while it does, and its own behind") {
    val pass =
      BigDlSuite.bigDl.load(BigDlSuite.examples + "LoaderInAPass", classOf[BooleanSupplier])
    val own = getClass.getClassLoader
    assert(inNewThread("pass") {
      Thread.currentThread().setContextClassLoader(own)
      pass.getAsBoolean && (Thread.currentThread().getContextClassLoader eq own)
    })
  }

  private def inNewThread[T](name: String)(work: => T): T = {
    val result = new FutureTask[T](() => work)
    new Thread(result, name).start()
    result.get(30, TimeUnit.SECONDS)
  }

  test("an MKL that cannot be loaded is said in a line") {
    val folder = Files.createTempDirectory("no-mkl")
    for (library <- Seq("libiomp5.so", "libmklml_intel.so", "libjmkl.so"))
      Files.writeString(folder.resolve(library), "no library")
    val missing = intercept[IllegalStateException](
      BigDl.open((folder +: BigDlSuite.classPath).asJava, 1)
    ).getMessage
    assert(
      missing.startsWith("BigDL's MKL cannot be loaded here: java.lang.") && missing.endsWith(
        ". BigDL has it for linux-x86_64 with glibc, and unpacks it into the temporary folder."
      ),
      missing
    )
    assert(missing.linesIterator.size == 1)
  }

  test("more weights than an array can hold are refused by their number") {
    val tooMany = BigDlSuite.bigDl
      .load("io.moraine.bigdl.module.TooMany", classOf[Runnable])
    val line = intercept[IllegalArgumentException](tooMany.run()).getMessage
    assert(
      line == "2,147,483,904 weights are too many: BigDL has them in one Java array, which ends at 2,147,483,639"
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
    bigDl.module(
      new ModuleRequest(new ModuleSource.Made(factory), vocabularySize, sequenceLength, 5)
    )
  }

  def example(name: String): TrainableModel =
    bigDl.load(examples + name, classOf[Supplier[TrainableModel]]).get()
}
