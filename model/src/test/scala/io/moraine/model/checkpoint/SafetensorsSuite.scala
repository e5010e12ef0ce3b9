package io.moraine.model.checkpoint

import java.io.{ByteArrayInputStream, ByteArrayOutputStream}
import java.nio.charset.StandardCharsets
import java.util.{List => JList, Map => JMap}
import org.scalatest.funsuite.AnyFunSuite

class SafetensorsSuite extends AnyFunSuite {

  private val file = new Safetensors(
    JMap.of("step", "7"),
    JList.of(
      new NamedTensor("b", JList.of(2L, 3L), Array(1f, -2f, 3.5f, Float.NaN, 0f, 1e-40f)),
      new NamedTensor("a", JList.of(2L), Array(Long.MinValue, 9L)),
      new NamedTensor("empty", JList.of(0L), Array[Float]())
    )
  )

  private def bytes: Array[Byte] = {
    val out = new ByteArrayOutputStream
    file.write(out)
    out.toByteArray
  }

  private def read(bytes: Array[Byte]): Safetensors =
    Safetensors.read(new ByteArrayInputStream(bytes), "x.safetensors")

  test("what is written reads back bit for bit, with names, shapes and metadata") {
    val back = read(bytes)
    assert(back.metadata == file.metadata)
    assert(
      back.tensor("b").get.floats.map(java.lang.Float.floatToRawIntBits).toSeq ==
        file.tensor("b").get.floats.map(java.lang.Float.floatToRawIntBits).toSeq
    )
    assert(back.tensor("a").get.longs.toSeq == Seq(Long.MinValue, 9L))
    assert(back.tensor("b").get.shape == JList.of(2L, 3L))
    assert(back.tensor("empty").get.floats.isEmpty)
  }

  test("the header is the published format's, padded to 8 bytes") {
    val header = new String(bytes, 8, bytes(0) & 0xff, StandardCharsets.UTF_8)
    assert(bytes(0) % 8 == 0)
    assert(
      header.trim ==
        """{"__metadata__":{"step":"7"},"b":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},""" +
        """"a":{"dtype":"I64","shape":[2],"data_offsets":[24,40]},""" +
        """"empty":{"dtype":"F32","shape":[0],"data_offsets":[40,40]}}"""
    )
  }

  test("a file that is cut off, no safetensors file, or of another type is refused by name") {
    def message(bytes: Array[Byte]) = intercept[CorruptDataException](read(bytes)).getMessage
    assert(message(bytes.dropRight(1)) == "x.safetensors is cut off.")
    assert(
      message("PK zip archive bytes".getBytes(StandardCharsets.UTF_8))
        .startsWith("x.safetensors is not a safetensors file: header length ")
    )
    val f64 = new String(bytes, StandardCharsets.ISO_8859_1).replace("F32", "F64")
    assert(
      message(f64.getBytes(StandardCharsets.ISO_8859_1))
        .startsWith("x.safetensors: tensor b must be one of [F16, BF16, F32, I64] at data byte 0")
    )
  }

  private def halves(dtype: String, bits: Int*): Seq[Float] = {
    val header =
      s"""{"h":{"dtype":"$dtype","shape":[${bits.size}],"data_offsets":[0,${2 * bits.size}]}}"""
    val out = java.nio.ByteBuffer.allocate(8 + header.length + 2 * bits.size)
    out.order(java.nio.ByteOrder.LITTLE_ENDIAN).putLong(header.length.toLong)
    out.put(header.getBytes(StandardCharsets.UTF_8))
    bits.foreach(b => out.putShort(b.toShort))
    read(out.array).tensor("h").get.floats.toSeq
  }

  test("half-precision types are read as the float32 they stand for") {
    assert(halves("BF16", 0x3f80, 0xc049, 0x0000, 0x7f80) == Seq(1f, -3.140625f, 0f, 1f / 0f))
    assert(
      halves("F16", 0x3c00, 0xc248, 0x0000, 0x0001, 0x03ff, 0x0400, 0x7bff, 0xfc00) ==
        Seq(1f, -3.140625f, 0f, 5.9604645e-8f, 6.097555e-5f, 6.1035156e-5f, 65504f, -1f / 0f)
    )
    assert(halves("F16", 0x7e00).head.isNaN && 1 / halves("F16", 0x8000).head == -1f / 0f)
  }

  test("bfloat16 is written rounded to nearest, ties to even") {
    val entry = new TensorEntry("x", TensorType.BF16, JList.of(5L))
    val out = new ByteArrayOutputStream
    val values = Array(1f, 1.00390625f, 1.01171875f, -2.999f, Float.NaN)
    SafetensorsWriter.write(
      out,
      java.util.Map.of(),
      JList.of(entry),
      (_: TensorEntry) => values
    )
    val back = read(out.toByteArray).tensor("x").get.floats
    assert(back.take(4).toSeq == Seq(1f, 1f, 1.015625f, -3f) && back(4).isNaN)
  }
}
