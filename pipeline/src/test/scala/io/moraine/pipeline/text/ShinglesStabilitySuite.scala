package io.moraine.pipeline.text

import org.scalatest.funsuite.AnyFunSuite

/** Stored values must not change: a dataset's index holds them. */
class ShinglesStabilitySuite extends AnyFunSuite {

  test("golden shingles of five words") {
    val text =
      "The quick brown fox \u2013 \u00dcBER jumps. The QUICK \u039f\u0394\u039f\u03a3, \u0130!"
    assert(
      Shingles.of(text, 5).toSeq == Seq(-1279510693684373032L, -633945981415208529L,
        242127836858399208L, 3248327861870216525L, 6299135440672192923L, 6930873664857033110L)
    )
    assert(Shingles.of("Hello", 5).toSeq == Seq(-5920680013017718556L))
  }

  test("a stored set is 8 bytes a shingle, little-endian, ascending by signed value") {
    val bytes = Shingles.toBytes(Array(-2L, 0x0102030405060708L))
    assert(bytes.toSeq == Seq(-2, -1, -1, -1, -1, -1, -1, -1, 8, 7, 6, 5, 4, 3, 2, 1))
    assert(Shingles.fromBytes(bytes).toSeq == Seq(-2L, 0x0102030405060708L))
    assert(Shingles.fromBytes(Array.emptyByteArray).isEmpty)
  }
}
