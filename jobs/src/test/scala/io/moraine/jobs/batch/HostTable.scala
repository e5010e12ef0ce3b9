package io.moraine.jobs.batch

import java.nio.{ByteBuffer, ByteOrder}
import org.bytedeco.javacpp.IntPointer

/** A table in host memory that says when it is closed. */
class HostTable(
    val ids: Array[Long],
    val filled: Array[Int],
    rows: Array[Array[Int]],
    begins: Array[Array[Int]],
    closed: HostTable => Unit
) extends DeviceTable {

  private def memory(values: Array[Int]): IntPointer = {
    val bytes =
      ByteBuffer.allocateDirect(4 * math.max(1, values.length)).order(ByteOrder.nativeOrder)
    bytes.asIntBuffer.put(values)
    new IntPointer(bytes.asIntBuffer)
  }

  private val tokenMemory = memory(rows.flatten)
  private val startMemory = memory(begins.flatten)
  private val offsetMemory = memory(begins.map(_.length).scanLeft(0)(_ + _))
  private val tokenOffsetMemory = memory(rows.map(_.length).scanLeft(0)(_ + _))
  var closings = 0

  def address: Long = tokenMemory.address

  override def tokens(): DeviceTable.Ints =
    new DeviceTable.Ints(tokenMemory.address, rows.map(_.length.toLong).sum)

  override def tokenOffsets(): DeviceTable.Ints =
    new DeviceTable.Ints(tokenOffsetMemory.address, rows.length + 1L)

  override def starts(): DeviceTable.Ints =
    new DeviceTable.Ints(startMemory.address, begins.map(_.length.toLong).sum)

  override def startOffsets(): DeviceTable.Ints =
    new DeviceTable.Ints(offsetMemory.address, begins.length + 1L)

  /** Its memory is somebody else's then: other numbers are in it. */
  override def close(): Unit = {
    closings += 1
    for (i <- 0 until rows.map(_.length).sum) tokenMemory.put(i.toLong, -77)
    closed(this)
  }
}
