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
    val f16 = new String(bytes, StandardCharsets.ISO_8859_1).replace("\"F32\"", "\"F16\"")
    assert(
      message(f16.getBytes(StandardCharsets.ISO_8859_1))
        .startsWith("x.safetensors: tensor b must be F32 or I64 at data byte 0")
    )
  }
}
