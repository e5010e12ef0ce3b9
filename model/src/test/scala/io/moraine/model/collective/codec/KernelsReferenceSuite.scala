package io.moraine.model.collective.codec

import java.lang.Float.{floatToRawIntBits, intBitsToFloat}
import java.nio.file.Path
import java.util.SplittableRandom
import java.util.zip.CRC32C
import org.scalatest.funsuite.AnyFunSuite

import scala.jdk.CollectionConverters._
import scala.sys.process._

/** The vector kernels against the scalar ones, bit for bit. */
class KernelsReferenceSuite extends AnyFunSuite {

  import KernelsReferenceSuite._

  private val codecs =
    all(Kernels.scalar).zip(all(Kernels.vector.get))

  private def all(kernels: Kernels): Seq[GradientCodec] =
    kernels.codecs.asScala.toSeq ++ Seq(128, 96, 5).map(kernels.fp8)

  private def name(codec: GradientCodec) = s"${codec.name} (${codec.blockElements})"

  for ((scalar, vector) <- codecs; (kind, draw) <- kinds) {
    test(s"${name(scalar)}: vector = scalar on $kind, lengths 0 to 1100, any offset") {
      val random = new SplittableRandom(5)
      for (length <- 0 to 1100) {
        val offset = random.nextInt(40)
        val values = Array.fill(offset + length)(draw(random))
        val bytes = encoded(scalar, values, offset, length)
        assert(java.util.Arrays.equals(bytes, encoded(vector, values, offset, length)))
        assertDecodeEqual(scalar, vector, bytes, offset, length, random)
      }
    }
  }

  for ((scalar, vector) <- codecs)
    test(s"${name(scalar)}: vector = scalar in decoding whatever bytes, lengths 0 to 1100") {
      val random = new SplittableRandom(6)
      for (length <- 0 to 1100) {
        val offset = random.nextInt(40)
        val bytes = new Array[Byte](offset + scalar.encodedBytes(length))
        random.nextBytes(bytes)
        assertDecodeEqual(scalar, vector, bytes, offset, length, random)
      }
    }

  for ((kind, draw) <- kinds; (loop, run) <- loops)
    test(s"$loop: vector = scalar on $kind, lengths 0 to 1100, any offset") {
      val random = new SplittableRandom(7)
      for (length <- 0 to 1100) {
        val offset = random.nextInt(40)
        val (a, b) =
          (Array.fill(offset + length)(draw(random)), Array.fill(9 + length)(draw(random)))
        val factor = draw(random)
        val results = Seq(Kernels.scalar, Kernels.vector.get).map { kernels =>
          run(kernels, a, offset, b, length, factor).map(floatToRawIntBits(_))
        }
        assert(java.util.Arrays.equals(results(0), results(1)), s"$length elements")
      }
    }

  test("dot product: 16 sums of every 16th product, added in pairs, then the rest in order") {
    val random = new SplittableRandom(3)
    for (length <- Seq(0, 1, 15, 16, 17, 500); kernels <- Seq(Kernels.scalar, Kernels.vector.get)) {
      val Seq(a, b) = Seq.fill(2)(Array.fill(length)(random.nextGaussian().toFloat))
      val products = a.zip(b).map { case (x, y) => x * y }
      val (whole, rest) = products.splitAt(length - length % 16)
      def folded(sums: Seq[Float]): Float =
        if (sums.size == 1) sums.head
        else {
          val (front, back) = sums.splitAt(sums.size / 2)
          folded(front.zip(back).map { case (x, y) => x + y })
        }
      val sums = (0 until 16).map(j => (j until whole.length by 16).foldLeft(0f)(_ + whole(_)))
      val expected = folded(sums) + rest.foldLeft(0f)(_ + _)
      assert(kernels.dot(a, 0, b, 0, length) == expected)
    }
  }

  test("bf16: vector = scalar on every upper half with lower halves around the tie") {
    val lower = Seq(0, 1, 0x7fff, 0x8000, 0x8001, 0xffff)
    val values =
      (for (high <- 0 until 65536; low <- lower) yield intBitsToFloat(high << 16 | low)).toArray
    val (scalar, vector) = codecs.find(_._1.name == "bf16").get
    assert(
      java.util.Arrays.equals(
        encoded(scalar, values, 0, values.length),
        encoded(vector, values, 0, values.length)
      )
    )
  }

  test(
    "a JVM without jdk.incubator.vector uses the scalar kernels and writes the same bytes"
  ) {
    val without = inJvm()
    val withModule = inJvm("--add-modules=jdk.incubator.vector")
    assert(without.startsWith("scalar false "))
    assert(withModule.startsWith(s"${Kernels.chosen.name} true "))
    assert(without.split(' ').last == checksum(Kernels.chosen))
    assert(withModule.split(' ').last == checksum(Kernels.chosen))
  }

  test("vectors are chosen where there are at least 8 lanes") {
    val expected = if (Kernels.vector.get.lanes >= 8) "vector" else "scalar"
    assert(GradientCodec.kernels == expected)
  }

  private def assertDecodeEqual(
      scalar: GradientCodec,
      vector: GradientCodec,
      bytes: Array[Byte],
      offset: Int,
      length: Int,
      random: SplittableRandom
  ): Unit = {
    val before = Array.fill(length + 17)(anyFloat(random))
    for (
      decode <- Seq[GradientCodec => (Array[Byte], Int, Int, Array[Float], Int, Int) => Unit](
        codec => codec.decode,
        codec => codec.decodeAdd
      )
    ) {
      val results = Seq(scalar, vector).map { codec =>
        val target = before.clone
        val refused =
          try {
            decode(codec)(bytes, offset, codec.encodedBytes(length), target, 9, length)
            ""
          } catch { case e: DamagedPayloadException => e.getMessage }
        (target.map(floatToRawIntBits(_)), refused)
      }
      assert(java.util.Arrays.equals(results(0)._1, results(1)._1), s"$length elements")
      assert(results(0)._2 == results(1)._2)
      for (i <- (0 until 9) ++ (length + 9 until length + 17))
        assert(results(1)._1(i) == floatToRawIntBits(before(i)), "neighbours are untouched")
    }
  }

  /** Encoded behind `offset` bytes, with guards on both sides, to be compared as a whole. */
  private def encoded(
      codec: GradientCodec,
      values: Array[Float],
      offset: Int,
      length: Int
  ): Array[Byte] = {
    val end = offset + codec.encodedBytes(length)
    val bytes = Array.fill(end + 64)(0x5a.toByte)
    assert(codec.encode(values, offset, bytes, offset, length) == end - offset)
    for (i <- (0 until offset) ++ (end until bytes.length)) assert(bytes(i) == 0x5a)
    bytes
  }

  private def inJvm(options: String*): String = {
    val java = Path.of(System.getProperty("java.home"), "bin", "java").toString
    val command = (java +: options) ++
      Seq(
        "-cp",
        System.getProperty("java.class.path"),
        PrintKernels.getClass.getName.stripSuffix("$")
      )
    Process(command).!!(ProcessLogger(_ => ())).trim
  }
}

/** Numbers of all kinds. */
object KernelsReferenceSuite {

  private def anyFloat(random: SplittableRandom): Float = {
    val sign = random.nextInt() & 0x80000000
    val fraction = random.nextInt() & 0x7fffff
    intBitsToFloat(sign | (random.nextInt(10) match {
      case 0 => 0
      case 1 => 0x7f800000
      case 2 => 0x7f800000 | math.max(1, fraction)
      case 3 => fraction
      case 4 => 0x7f000000 | fraction
      case 5 => 0x00800000 | fraction
      case 6 => 0x3f800000 | fraction & 0x7f0000 | 0x8000
      case _ => random.nextInt() & 0x7fffffff
    }))
  }

  private def finite(random: SplittableRandom): Float = {
    val value = anyFloat(random)
    if (java.lang.Float.isFinite(value)) value else finite(random)
  }

  /** Halves up to 7.5 and, rarely, the largest: codes of both widths get ties. */
  private def ties(largest: Float)(random: SplittableRandom): Float =
    if (random.nextInt(16) == 0) largest
    else (random.nextInt((4 * largest).toInt + 1) - 2 * largest) / 2

  private type Loop = (Kernels, Array[Float], Int, Array[Float], Int, Float) => Array[Float]

  /** On values from an offset on, others from 9 on, and a factor. */
  private val loops: Seq[(String, Loop)] = Seq(
    "dot" -> ((kernels, a, offset, b, length, _) => Array(kernels.dot(a, offset, b, 9, length))),
    "addScaled, oneNaN" -> { (kernels, a, offset, b, length, factor) =>
      val dst = b ++ Array.fill(17)(5f)
      kernels.addScaled(a, offset, dst, 9, length, factor)
      kernels.oneNaN(dst, 9, length)
      for (i <- 0 until 9) assert(floatToRawIntBits(dst(i)) == floatToRawIntBits(b(i)))
      assert(dst.takeRight(17).forall(_ == 5f))
      dst
    },
    "absoluteSum" -> { (kernels, a, offset, _, length, _) =>
      val small = a.map(v => if (java.lang.Float.isFinite(v)) v else 1f)
      Array(kernels.absoluteSum(small, offset, length, 1f / 1024))
    },
    "reaching" -> { (kernels, a, offset, _, length, factor) =>
      val bound = math.max(1, floatToRawIntBits(factor) & 0x7fffffff)
      val places = new Array[Int](kernels.countReaching(a, offset, length, bound))
      kernels.findReaching(a, offset, length, bound, places)
      val expected =
        (0 until length).filter(i => (floatToRawIntBits(a(offset + i)) & 0x7fffffff) >= bound)
      assert(places.toSeq == expected)
      places.map(_.toFloat)
    }
  )

  private val kinds: Seq[(String, SplittableRandom => Float)] = Seq(
    "all classes of floats" -> anyFloat,
    "all finite classes" -> finite,
    "Gaussians" -> (random => (1e-3 * random.nextGaussian()).toFloat),
    "ties of int8" -> ties(127),
    "ties of int4" -> ties(7),
    "denormal numbers and zeros" ->
      (random => intBitsToFloat(random.nextInt() & 0x807fffff & -random.nextInt(2))),
    "numbers around 2^-100" -> (random => (math.pow(2, -100) * random.nextGaussian()).toFloat)
  )

  /** Of what all codecs write for the same thousand numbers. */
  def checksum(kernels: Kernels): String = {
    val random = new SplittableRandom(8)
    val values = Array.fill(1000)(finite(random)) ++ Array.fill(1000)(random.nextGaussian().toFloat)
    val crc = new CRC32C
    for (codec <- kernels.codecs.asScala) {
      val bytes = new Array[Byte](codec.encodedBytes(values.length))
      codec.encode(values, 0, bytes, 0, values.length)
      crc.update(bytes)
    }
    crc.getValue.toHexString
  }
}

/** Prints the kernels in use, whether there are vector kernels, and a checksum of what codecs
  * write.
  */
object PrintKernels {
  def main(args: Array[String]): Unit =
    println(
      s"${GradientCodec.kernels} ${Kernels.vector.isPresent} ${KernelsReferenceSuite.checksum(Kernels.chosen)}"
    )
}
