package io.moraine.model.tensor

import java.nio.file.{Files, Path}
import org.scalatest.funsuite.AnyFunSuite

import scala.jdk.CollectionConverters._

class CudaProbeSuite extends AnyFunSuite {

  private val build = "/org/bytedeco/pytorch/linux-x86_64-gpu/libtorch_cuda.so"
  private val libraries = Seq(
    "libcuda.so.1",
    "libcudart.so.13",
    "libcublas.so.13",
    "libcublasLt.so.13",
    "libcudnn.so.9",
    "libcufft.so.12",
    "libcurand.so.10",
    "libcusparse.so.12",
    "libcusolver.so.12",
    "libcufile.so.0",
    "libcupti.so.13",
    "libnvrtc.so.13",
    "libnccl.so.2"
  )

  private def touch(file: Path): Unit = {
    Files.createDirectories(file.getParent)
    Files.write(file, Array.emptyByteArray)
  }

  /** A machine with these libraries, and a driver or not. */
  private def machine(
      found: Seq[String],
      folder: String = "usr/local/cuda/lib64",
      driver: Boolean = true
  ): Path = {
    val root = Files.createTempDirectory("machine")
    found.foreach(name => touch(root.resolve(folder).resolve(name)))
    if (driver) touch(root.resolve("dev/nvidiactl"))
    root
  }

  private def missing(root: Path, resources: String*): Seq[String] =
    CudaProbe.of(root, (resource: String) => resources.contains(resource)).missing.asScala.toSeq

  test("where all is there nothing is missing, in each of the usual folders") {
    for (folder <- Seq("usr/lib/x86_64-linux-gnu", "usr/lib64", "usr/local/nvidia/lib64", "lib64"))
      assert(missing(machine(libraries, folder), build) == Seq.empty)
  }

  test("each library that is not there is named, by its file's name") {
    for (library <- libraries)
      assert(missing(machine(libraries.filterNot(_ == library)), build) == Seq(library))
    val two = Set("libcudnn.so.9", "libnccl.so.2")
    assert(
      missing(machine(libraries.filterNot(two)), build) == Seq("libcudnn.so.9, libnccl.so.2")
    )
  }

  test("another version of a library is none") {
    val old = libraries.filterNot(_ == "libcudart.so.13") :+ "libcudart.so.12"
    assert(missing(machine(old), build) == Seq("libcudart.so.13"))
  }

  test("libraries in a folder that the linker is configured with are found") {
    val root = machine(Seq.empty)
    libraries.foreach(name => touch(root.resolve("opt/cuda-13").resolve(name)))
    assert(missing(root, build) == Seq(libraries.mkString(", ")))
    touch(root.resolve("etc/ld.so.conf.d/cuda.conf"))
    Files.writeString(root.resolve("etc/ld.so.conf.d/cuda.conf"), "# CUDA\n/opt/cuda-13\n")
    assert(missing(root, build) == Seq.empty)
  }

  test("libraries that Maven has brought are found on the class path") {
    val brought = Seq("libcudart.so.13", "libcurand.so.10")
    val resources = brought.map("/org/bytedeco/cuda/linux-x86_64/" + _)
    assert(missing(machine(libraries.diff(brought)), build +: resources: _*) == Seq.empty)
  }

  test("without driver and without libtorch's CUDA build both are named, the build first") {
    assert(
      missing(machine(libraries, driver = false)) == Seq(
        "libtorch's CUDA build (org.bytedeco:pytorch, linux-x86_64-gpu; mvn -Pgpu)",
        "an NVIDIA GPU with its driver (/dev/nvidiactl)"
      )
    )
  }

  test("in an ordinary build: cuda is refused and says why, auto is the processor") {
    assume(!CudaProbe.ofThisMachine.hasBuild)
    val error = intercept[NoCudaException](Torch.start(1, DeviceChoice.CUDA, 0))
    assert(error.getMessage.startsWith("this machine lacks libtorch's CUDA build (org.bytedeco"))
    assert(!error.getMessage.contains("\n"))
    assert(Torch.start(1, DeviceChoice.AUTO, 3) == Device.CPU)
    assert(Torch.start(1, DeviceChoice.CPU, 0) == Device.CPU)
    assert(Torch.missingForCuda.isEmpty)
  }
}
